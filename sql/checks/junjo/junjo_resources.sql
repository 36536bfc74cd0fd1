-- The members of an execution share their resource.
-- severity: error
-- examines: Junjo executions
-- code: resource_service_mismatch
-- query: trace_spans
--
-- An execution runs in one process with one tracer provider, so all of its spans of one service have the same resource
-- attributes.
--
-- Usually: The resource of a row was changed, or exchanged with that of another process of the same service.
--
-- Not covered: members under different services (see child_of_other_service), and rows of known runs.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'resource'
ORDER BY file, row_number, subject, actual
