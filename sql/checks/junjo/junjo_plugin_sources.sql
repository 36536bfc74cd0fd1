-- Spans of the OpenAI Agents plugin name their parent's source.
-- severity: error
-- examines: OpenAI Agents spans
-- query: trace_spans
--
-- The plugin keeps the ids of the OpenAI Agents trace as attributes. The source parent of a span is the source of its
-- parent span, of the same source trace.
--
-- Usually: A parent span id or a source id was changed, or the row was moved to another trace.
--
-- Not covered: parents that are not stored or are no spans of the plugin.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'plugin_source'
ORDER BY file, row_number, subject, actual
