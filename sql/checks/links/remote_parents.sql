-- Parents in another process are stored here, too.
-- severity: info
-- needs: store
-- scope: trace
-- examines: rows judged by structure
-- query: orphan_families
--
-- The parent of a span may be in a process that exports elsewhere, or not at all: an HTTP gateway, a browser. Its
-- trace then starts in the middle.
--
-- Usually: The caller is instrumented and does not export to this studio. Nothing is wrong with the store.
--
-- Not covered: spans whose flags say that the parent is local, and those that run in a Junjo execution, which never
-- spans two processes (see orphan_spans, rootless_traces). Files of schema 1 have no flags: any other absent parent in
-- a trace without a root is listed here, in a trace with one by unresolved_parents.
SELECT tier, file, row_number, service_name, trace_id, span_id, parent_span_id, parent_is_remote
FROM unplanned_rows
WHERE has_parent AND NOT parent_here AND parent_trace_id IS NULL AND trace_settled
  AND (parent_is_remote OR (parent_is_remote IS NULL AND trace_roots = 0 AND absent_parent_witness IS NULL))
ORDER BY file, row_number
