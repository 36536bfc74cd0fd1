-- A span with an error status has an error type.
-- severity: info
-- examines: Junjo executions
-- query: trace_spans
--
-- The SDK sets both. A program may set the status of the current span itself, and a changed status looks the same.
--
-- Usually: The program calls `set_status` in a node. If it does not, the status was changed.
--
-- Not covered: errors with a type (see junjo_outcomes), and SDKs up to 0.62.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'unexplained_error'
ORDER BY file, row_number, subject, actual
