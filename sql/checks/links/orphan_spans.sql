-- A span's parent is stored, too.
-- severity: error
-- needs: store
-- scope: trace
-- examines: stored rows
-- code: unknown_parent_span
-- query: trace_spans
--
-- A trace with a missing parent cannot be summed up, and the studio's page of it does not draw the span or what hangs
-- below it. The plan knows the parent of a planned span: it was
-- acked and is lost (`parent lost`), or the row names another one (`parent id changed`). For other traffic the parent
-- is searched in the same trace (`parent unresolved`): a parent is exported after its children, so a trace that has
-- its root is complete.
--
-- Usually: The export with the parent is lost or was refused; see lost_spans, or the client's own log.
--
-- Not covered: parents in another process (the flag "remote parent", see remote_parents), parents of spans in files of
-- schema 1, which lacks that flag (see unresolved_parents), traces without a root (see rootless_traces), parents in
-- another trace (see parent_in_other_trace), planned parents whose own outcome is undecided, and all unplanned traffic
-- while a file could not be read to its end.
SELECT NULL AS tier, NULL AS file, NULL AS row_number, service_name, trace_id, span_id, parent_span_id,
       'parent lost' AS cause
FROM delivery
WHERE n_found > 0 AND parent_lost
UNION ALL
SELECT tier, file, row_number, sent_by, trace_id, span_id, actual, 'parent id changed'
FROM differences
WHERE column_name = 'parent_span_id'
UNION ALL
SELECT tier, file, row_number, service_name, trace_id, span_id, parent_span_id, 'parent unresolved'
FROM unplanned_rows
WHERE has_parent AND NOT parent_here AND parent_trace_id IS NULL AND NOT parent_is_remote
  AND trace_roots > 0 AND trace_settled
  AND (SELECT count(*) FROM files WHERE health IN ('unreadable', 'torn', 'empty', 'not read') AND tier <> 'hot') = 0
ORDER BY file, row_number, trace_id, span_id
