-- Ids have their form.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- code: invalid_trace_id, invalid_span_id
-- query: around_row
--
-- A trace id is 32 and a span id 16 lower-case hex digits, not all zero. The studio stores ids as they come, of any
-- length; nothing can be found by one that has another form.
--
-- Usually: A client made its ids itself, or the file is damaged.
--
-- Not covered: a parent of zeros, by which some clients say that there is none.
SELECT tier, file, row_number, service_name, malformed_ids AS column_name, trace_id, span_id, parent_span_id
FROM unplanned_rows
WHERE malformed_ids IS NOT NULL
ORDER BY file, row_number
