-- Workflows, subflows and agents that ended in an error, with what was said.
--
-- The error is the first exception that the trace recorded on a failed span; where none was recorded it is
-- the status message.
WITH failed AS (
    SELECT trace_id, span_id, service_name, name, attributes ->> 'junjo.span_type' AS span_type,
           status_message, start_time, duration_ns
    FROM spans
    WHERE status_code = 2 AND (attributes ->> 'junjo.span_type') IN ('workflow', 'subflow', 'agent')
), events AS (
    SELECT trace_id, end_time, span_id, name, unnest(json_get_array(events)) AS event FROM spans WHERE status_code = 2
), raised AS (
    SELECT trace_id, first_value(name ORDER BY end_time, span_id) AS raised_in,
           first_value(json_as_text(event, 'attributes', 'exception.type') ORDER BY end_time, span_id) AS exception,
           first_value(json_as_text(event, 'attributes', 'exception.message') ORDER BY end_time, span_id) AS message
    FROM events
    WHERE json_as_text(event, 'name') = 'exception'
    GROUP BY trace_id
)
SELECT failed.service_name, failed.span_type, failed.name, failed.start_time, fmt_duration(failed.duration_ns) AS took,
       raised.raised_in, raised.exception, coalesce(raised.message, failed.status_message) AS message,
       failed.trace_id, failed.span_id
FROM failed
LEFT JOIN raised ON raised.trace_id = failed.trace_id
ORDER BY failed.start_time, failed.span_id
