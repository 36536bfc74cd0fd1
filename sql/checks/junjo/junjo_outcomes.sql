-- Status, attributes and events agree on how a span ended.
-- severity: error
-- examines: Junjo executions
-- code: invalid_failure_evidence
-- query: trace_spans
--
-- A failure sets the status, the type of the error and an exception event of that type; a cancellation sets a reason
-- and no error. A node that fails or is cancelled ends what runs it. The outcome of an agent follows from its reason.
--
-- Usually: A status, an attribute or an event was removed or changed.
--
-- Not covered: events of spans that dropped some, errors without a type (see junjo_unexplained_errors), and SDKs up to
-- 0.62, whose spans have a status alone.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'outcome'
ORDER BY file, row_number, subject, actual
