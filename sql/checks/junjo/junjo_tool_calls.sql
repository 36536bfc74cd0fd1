-- Tool calls are those that the model requested.
-- severity: error
-- examines: Junjo agents
-- code: tool_operation_correspondence_mismatch
-- query: trace_spans
--
-- Each tool call has the id, name, arguments and ordinal of a call in a model's response. An agent counts calls that were
-- requested, admitted, started and completed: none of these exceeds the one before, admitted calls stay within the
-- limit, and its last state holds the same numbers.
--
-- Usually: An argument, an id or a count was changed after it was sent.
--
-- Not covered: agents with missing operations (see junjo_missing_operations), and responses that cannot be read.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind IN ('tool_call', 'tool_counts', 'agent_state')
ORDER BY file, row_number, subject, actual
