-- A span's parent is stored, too.
-- severity: error
-- needs: store
-- scope: trace
-- examines: stored rows
-- code: unknown_parent_span
-- query: trace_spans
--
-- A trace with a missing parent cannot be summed up, and the studio's page of it does not draw the span or what hangs
-- below it. The plan knows the parent of a planned span: it was acked and is lost (`parent lost`), or the row names
-- another one (`parent id changed`).
--
-- For other traffic the absence of a parent is no evidence by itself: a span is exported when it ends, and its
-- children may end long before it. It is an error where the trace tells that the parent has ended. Either the row's
-- owner is stored, and Junjo ends a workflow or an agent after all that it starts itself (`parent unresolved, owner
-- stored`); or the row names an owner that is absent, too, and nothing of its trace has ended for a day (`parent
-- unresolved, owner absent`).
--
-- Usually: The export with the parent is lost or was refused; see lost_spans, or the client's own log. An absent owner
-- may also be one whose program was killed.
--
-- Not covered: parents of which nothing tells that they have ended (see running_parents, unresolved_parents), parents
-- in another process (the flag "remote parent", see remote_parents), traces without a root (see rootless_traces),
-- parents in another trace (see parent_in_other_trace), planned parents whose own outcome is undecided, and all
-- unplanned traffic while a file could not be read to its end.
SELECT NULL AS tier, NULL AS file, NULL AS row_number, service_name, trace_id, span_id, parent_span_id,
       'parent lost' AS cause
FROM delivery
WHERE n_found > 0 AND parent_lost
UNION ALL
SELECT tier, file, row_number, sent_by, trace_id, span_id, actual, 'parent id changed'
FROM differences
WHERE column_name = 'parent_span_id'
UNION ALL
SELECT tier, file, row_number, service_name, trace_id, span_id, parent_span_id,
       CASE absent_parent_witness WHEN 'owner ended' THEN 'parent unresolved, owner stored'
                                  ELSE 'parent unresolved, owner absent' END
FROM unplanned_rows
WHERE has_parent AND NOT parent_here AND parent_trace_id IS NULL AND (parent_is_remote IS DISTINCT FROM true)
  AND ((absent_parent_witness = 'owner ended' AND trace_settled)
    OR (absent_parent_witness = 'owner absent' AND (trace_roots > 0 OR trace_has_remote_orphan) AND trace_a_day_old))
  AND (SELECT count(*) FROM files WHERE health IN ('unreadable', 'torn', 'empty', 'not read', 'skipped') AND tier <> 'hot') = 0
ORDER BY file, row_number, trace_id, span_id
