-- A span's parent is stored, too.
-- severity: error
-- examines: stored rows
--
-- A trace with a missing parent cannot be drawn or summed up. For planned spans the plan knows the
-- parent, and a parent that was acked and is lost is the cause; for other traffic the parent is
-- looked for in the same trace.
--
-- Not covered: parents in another process (the flag "remote parent"), traces of which a span ended
-- so recently that the parent may still run, and parents whose own fate is undecided.
SELECT NULL AS tier, NULL AS file, NULL AS row_number, service_name, trace_id, span_id, parent_span_id,
       'parent lost' AS cause
FROM delivery
WHERE n_found > 0 AND parent_lost
UNION ALL
SELECT child.tier, child.file, child.row_number, child.service_name, child.trace_id, child.span_id,
       child.parent_span_id, 'parent absent'
FROM facts child
WHERE NOT child.run_known AND child.parent_span_id IS NOT NULL AND NOT child.parent_is_remote
  AND NOT EXISTS (
      SELECT 1 FROM facts parent
      WHERE parent.trace_id = child.trace_id AND parent.span_id = child.parent_span_id)
  AND NOT EXISTS (
      SELECT 1 FROM facts young
      WHERE young.trace_id = child.trace_id AND NOT young.settled)
ORDER BY file, row_number, trace_id, span_id
