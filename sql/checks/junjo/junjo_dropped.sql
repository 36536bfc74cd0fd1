-- The sender of a Junjo span dropped none of its parts.
-- severity: info
-- examines: Junjo executions
-- code: invalid_loss_counter
-- query: trace_spans
--
-- The OpenTelemetry SDK limits attributes and events of a span and counts what it drops. What was dropped can be
-- verified by nobody.
--
-- Usually: Spans with more than 128 attributes or events. The limits can be raised by OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT
-- and OTEL_SPAN_EVENT_COUNT_LIMIT.
--
-- Not covered: links, resources and attributes of events, and files of schema 1, which have no such counts.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'dropped'
ORDER BY file, row_number, subject, actual
