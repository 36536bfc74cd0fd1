-- The usage of an agent is the sum of its responses.
-- severity: error
-- examines: Junjo agents
-- code: agent_usage_mismatch
-- query: trace_spans
--
-- Each response reports the tokens that it used, and the agent their sum and how many responses reported them.
--
-- Usually: A number was changed after it was sent.
--
-- Not covered: agents with missing operations (see junjo_missing_operations), and models that report no usage.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'usage'
ORDER BY file, row_number, subject, actual
