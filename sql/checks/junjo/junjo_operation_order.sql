-- An agent has each of its operations once.
-- severity: error
-- examines: Junjo agents
-- code: operation_sequence_duplicate
-- query: trace_spans
--
-- Operations are numbered from 1 to the count of the agent, and model requests among themselves, each once.
--
-- Usually: A row was copied under a new span id, or a number was changed.
--
-- Not covered: operations that are absent (see junjo_missing_operations), and rows of known runs.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind IN ('operation_sequence', 'operation_count')
ORDER BY file, row_number, subject, actual
