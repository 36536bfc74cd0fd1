-- A duration is the time from start to end.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- The studio computes `duration_ns` from the other two columns, with the same 64-bit numbers that it stores. If they
-- do not match, the row is not what it wrote.
--
-- Usually: One of the three columns is damaged.
--
-- Not covered: rows of known runs, whose times are compared with their plan, and rows without one of the three (see
-- null_values).
SELECT tier, file, row_number, service_name, trace_id, span_id, interval_ns AS expected, duration_ns AS actual
FROM unplanned_rows
WHERE interval_ns IS DISTINCT FROM duration_ns
ORDER BY file, row_number
