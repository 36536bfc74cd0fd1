-- Stored rows whose parent is not stored in their trace.
--
-- A parent in another process (bit 512 of the flags) may rightly be somewhere else. A trace that still
-- runs lacks its root, too: look at started_at before you call it a loss.
SELECT child.tier, child.file, child.row_number, child.service_name, child.trace_id, child.span_id,
       child.parent_span_id, child.name, child.start_time AS started_at
FROM stored_spans child
LEFT JOIN stored_spans parent
    ON parent.trace_id = child.trace_id AND parent.span_id = child.parent_span_id AND parent.tier <> 'hot'
WHERE child.tier <> 'hot'
  AND child.parent_span_id IS NOT NULL AND child.parent_span_id <> '0000000000000000'
  AND (child.trace_flags IS NULL OR child.trace_flags & 512 = 0)
  AND parent.span_id IS NULL
ORDER BY child.file, child.row_number
