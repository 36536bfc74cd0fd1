-- A correlation is inherited by all that an execution runs.
-- severity: error
-- examines: Junjo executions
-- code: execution_correlation_inheritance_mismatch
-- query: trace_spans
--
-- What an execution is correlated with, its type and id, is passed on unchanged to each execution within it.
--
-- Usually: An attribute was removed or changed, or the row was moved to another execution.
--
-- Not covered: spans that name another parent than they have (see junjo_parents), and rows of known runs.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'correlation'
ORDER BY file, row_number, subject, actual
