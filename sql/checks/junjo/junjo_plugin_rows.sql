-- Spans of the OpenAI Agents plugin are as their source says.
-- severity: error
-- examines: OpenAI Agents spans
-- query: trace_spans
--
-- The plugin keeps all that OpenAI Agents says of a span as one attribute: its ids, its type, its times, and whether it
-- failed. The row's own columns and attributes say the same. Times agree within a microsecond, since the source counts
-- in these.
--
-- Usually: A time, a status or an attribute of the row was changed, or the row was put together from two.
--
-- Not covered: names and tokens, and spans that another exporter failed, whose source knows of no error.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'plugin_row'
ORDER BY file, row_number, subject, actual
