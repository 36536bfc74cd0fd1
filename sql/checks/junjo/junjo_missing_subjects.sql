-- The subject of an evaluation is stored.
-- severity: error
-- needs: store
-- examines: Junjo evaluation spans
-- query: trace_spans
--
-- A completed orchestrator has run its subject, which is exported before it.
--
-- Usually: An export was refused or lost on the way, or the store lost the rows; see the client's log.
--
-- Not covered: evaluations that failed or were cancelled, judges, which are optional, and stores with a file that
-- could not be read to its end.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'missing_evaluations' AND settled
  AND (SELECT count(*) FROM files WHERE health IN ('unreadable', 'torn', 'empty', 'not read') AND tier <> 'hot') = 0
ORDER BY file, row_number, subject, actual
