-- A span's times are plausible.
-- severity: warn
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- A span before the year 2000, or more than a day in the future, was not measured by a clock that was set. Times from
-- 2^63 ns on are stored as negative numbers.
--
-- Usually: A client sends 0, or seconds or milliseconds instead of nanoseconds.
--
-- Not covered: times that are wrong by less, and rows without a time (see wrong_durations).
SELECT tier, file, row_number, service_name, trace_id, span_id, start_time, end_time
FROM unplanned_rows
WHERE start_time < TIMESTAMP '2000-01-01T00:00:00Z' OR end_time < TIMESTAMP '2000-01-01T00:00:00Z' OR in_future
ORDER BY file, row_number
