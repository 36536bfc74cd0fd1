-- The parent of a stored span has ended.
-- severity: info
-- needs: store
-- scope: trace
-- examines: rows judged by structure
-- query: trace_spans
--
-- A span is exported when it ends, so a parent that still runs is not stored while its children are. A node may start a
-- workflow or a background job and not wait for it: then even a trace whose root is stored has such parents.
--
-- Usually: The program still runs. Audit again when it is idle: a parent that is not stored by then is listed by
-- orphan_spans, rootless_traces or unresolved_parents.
--
-- Not covered: traces of which nothing has ended for an hour (see unresolved_parents), and parents in another process
-- (see remote_parents).
SELECT tier, file, row_number, service_name, trace_id, span_id, parent_span_id
FROM unplanned_rows
WHERE has_parent AND NOT parent_here AND parent_trace_id IS NULL AND (parent_is_remote IS DISTINCT FROM true)
  AND (absent_parent_witness IS DISTINCT FROM 'owner ended')
  AND (parent_is_remote = false OR trace_roots > 0 OR absent_parent_witness IS NOT NULL)
  AND NOT trace_an_hour_old
ORDER BY file, row_number
