-- An execution has one span.
-- severity: error
-- examines: Junjo executions
-- code: ambiguous_execution_identity
-- query: trace_spans
--
-- A workflow, subflow or agent gets a new runtime id each time that it runs, so no two spans of a trace share one. The
-- studio answers neither of them.
--
-- Usually: A row was copied under a new span id, or its runtime id was changed.
--
-- Not covered: nodes, which run again in loops, copies with the same span id (see duplicate_spans), copies in other
-- traces, and SDKs up to 0.62, whose ids belong to objects.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'duplicate_execution'
ORDER BY file, row_number, subject, actual
