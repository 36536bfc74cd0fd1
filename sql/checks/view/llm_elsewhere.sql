-- A trace with a language model is under LLM for the service of its root.
-- severity: info
-- scope: trace
-- examines: rows judged by structure
-- query: trace_spans
--
-- The studio notes such a trace for the service of the span that calls the model. The list under LLM shows roots of one
-- service: where the root is another service's, the trace is in neither list.
--
-- Usually: As the studio is made: one service calls another, which calls the model. Open the trace by its id.
--
-- Not covered: rows of known runs.
SELECT tier, file, row_number, service_name, trace_id, span_id, trace_root_service AS root_service
FROM unplanned_rows
WHERE is_llm AND trace_root_service <> service_name AND is_first_copy
ORDER BY file, row_number
