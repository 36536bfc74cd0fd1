-- A span names the execution above it as its parent.
-- severity: error
-- examines: Junjo executions
-- code: parent_executable_correspondence_mismatch
-- query: trace_spans
--
-- A node, subflow or RunConcurrent names the execution that is next above it by its ids; so does a workflow or agent
-- that one of these started, and a model request or tool call its agent. Spans of other libraries may lie between.
--
-- Usually: A parent span id or one of the parent's ids was changed, or the row was moved to another execution.
--
-- Not covered: what another process started, parents that are not stored (see orphan_spans), workflows and agents that
-- name no parent, and rows of known runs.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'semantic_parent'
ORDER BY file, row_number, subject, actual
