-- A span ends after it starts.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- code: invalid_span_interval
-- query: around_row
--
-- Both times are readings of one clock in one process.
--
-- Usually: A time was damaged in the file (then duration_ns does not match either: see wrong_durations), or the
-- client's clock was set back while the span ran.
--
-- Not covered: rows of known runs, whose times are compared with their plan.
SELECT tier, file, row_number, service_name, trace_id, span_id, start_time, end_time, duration_ns
FROM unplanned_rows
WHERE end_time < start_time
ORDER BY file, row_number
