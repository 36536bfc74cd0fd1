-- Every trace has a root.
-- severity: error
-- needs: store
-- scope: trace
-- examines: traces judged by structure
-- query: orphan_families
--
-- A root is exported last. A trace without one may still be running, so it is not reported until nothing of it has
-- ended for a day; after that its root was never exported, or is lost. That there was one is known where a row names
-- a Junjo execution that is absent, too.
--
-- Usually: The program was killed before its root span ended, or the export with the root is lost. With a run, see
-- lost_spans.
--
-- Not covered: absent parents that no row names as its owner, and traces that came to rest within a day (see
-- unresolved_parents, running_parents), traces with parents in another process (see remote_parents), parents in
-- another trace (see parent_in_other_trace), cycles (see parent_cycles), and stores with a file that could not be read
-- to its end.
SELECT tier, file, row_number, trace_id, service_name, spans, absent_local_parents, absent_owner_span_id, end_time
FROM unplanned_traces
WHERE roots = 0 AND absent_owners > 0 AND absent_remote_parents = 0 AND parents_elsewhere = 0
  AND NOT has_cycle AND a_day_old
  AND (SELECT count(*) FROM files WHERE health IN ('unreadable', 'torn', 'empty', 'not read', 'skipped') AND tier <> 'hot') = 0
ORDER BY file, row_number
