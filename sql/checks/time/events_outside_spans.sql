-- An event happens during its span.
-- severity: warn
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- SDKs take the time of an event from the clock of its span, and drop events of spans that have ended. Instrumentation
-- that gives a span an end of its own may record an event after it: the OpenAI Agents plugin ends a span when the
-- agent's SDK did, and notes the exception when it hears of it. Junjo itself does not.
--
-- Usually: A clock was set while the span ran, a time was damaged, or a client sets the times of events itself.
--
-- Not covered: events after the end of spans that are not Junjo's own, events that are not in the studio's form (see
-- noncanonical_events), and spans whose own interval is inverted (see inverted_intervals).
SELECT tier, file, row_number, service_name, trace_id, span_id, start_time, end_time
FROM unplanned_rows
WHERE event_outside AND start_time <= end_time
ORDER BY file, row_number
