-- An absent parent is known to be in another process, or not.
-- needs: store
-- scope: trace
-- examines: rows judged by structure
-- finding: inconclusive
-- query: trace_spans
--
-- Files of schema 1 (studio 0.80 to 0.81.1) lack the flag that tells a parent in another process from one that should be
-- stored here. If such a parent is absent although its trace has a root, it may be lost or may never have been sent to
-- this studio; nothing in the store decides it.
--
-- Usually: A caller that does not export to this studio. If no other process takes part in these traces, the parents
-- are lost: audit with the run, or compare with the client's own log.
--
-- Not covered: spans in files of schema 2 (see orphan_spans, remote_parents), traces without a root (see
-- remote_parents, rootless_traces), rows of known runs, and stores with a file that could not be read to its end.
SELECT tier, file, row_number, service_name, trace_id, span_id, parent_span_id
FROM unplanned_rows
WHERE has_parent AND NOT parent_here AND parent_trace_id IS NULL AND parent_is_remote IS NULL
  AND trace_roots > 0 AND trace_settled
  AND (SELECT count(*) FROM files WHERE health IN ('unreadable', 'torn', 'empty', 'not read', 'skipped') AND tier <> 'hot') = 0
ORDER BY file, row_number
