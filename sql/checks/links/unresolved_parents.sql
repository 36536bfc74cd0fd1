-- A parent is stored an hour after its trace came to rest.
-- severity: warn
-- needs: store
-- scope: trace
-- examines: rows judged by structure
-- query: trace_spans
--
-- Nothing of the trace has ended for an hour, and the parent that a span names is not there. Nothing in the store
-- tells that the parent has ended: it may be lost, it may still run, or its program never ended it.
--
-- Usually: A span that is started by hand and never ended (a stream that is dropped, a task that is killed), a program
-- that was killed, or a job that runs for hours. If the client ended and exported the parent, it is lost: audit with
-- the run, or compare with the client's own log.
--
-- Not covered: younger traces (see running_parents), parents of which the trace tells that they have ended (see
-- orphan_spans, rootless_traces), parents in another process (see remote_parents), parents in another trace (see
-- parent_in_other_trace), and stores with a file that could not be read to its end.
SELECT tier, file, row_number, service_name, trace_id, span_id, parent_span_id
FROM unplanned_rows
WHERE has_parent AND NOT parent_here AND parent_trace_id IS NULL AND (parent_is_remote IS DISTINCT FROM true)
  AND (absent_parent_witness IS NULL OR (absent_parent_witness = 'owner absent' AND NOT trace_a_day_old))
  AND (parent_is_remote = false OR trace_roots > 0 OR absent_parent_witness IS NOT NULL)
  AND trace_an_hour_old
  AND (SELECT count(*) FROM files WHERE health IN ('unreadable', 'torn', 'empty', 'not read', 'skipped') AND tier <> 'hot') = 0
ORDER BY file, row_number
