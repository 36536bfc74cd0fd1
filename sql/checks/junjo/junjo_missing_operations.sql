-- All operations that an agent counted are stored.
-- severity: error
-- needs: store
-- examines: Junjo agents
-- code: operation_sequence_gap
-- query: trace_spans
--
-- An agent numbers its model requests and tool calls from 1 and counts them. They are exported before the agent
-- itself, so an absent number is a lost span. The finding says how many of which kind.
--
-- Usually: An export was refused or lost on the way, or the store lost the rows; see the client's log.
--
-- Not covered: stores with a file that could not be read to its end, and rows of known runs.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'missing_operations' AND settled
  AND (SELECT count(*) FROM files WHERE health IN ('unreadable', 'torn', 'empty', 'not read') AND tier <> 'hot') = 0
ORDER BY file, row_number, subject, actual
