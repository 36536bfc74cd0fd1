-- Ids are well formed.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- code: invalid_trace_id, invalid_span_id
-- query: around_row
--
-- A trace id has 32 and a span id 16 lower-case hex digits, not all zero. The studio stores ids as they come, of any
-- length; a span with an id of another form cannot be looked up.
--
-- Usually: A client makes its own ids, or the file is damaged.
--
-- Not covered: a parent of zeros, which some clients send for a root.
SELECT tier, file, row_number, service_name, malformed_ids AS column_name, trace_id, span_id, parent_span_id
FROM unplanned_rows
WHERE malformed_ids IS NOT NULL
ORDER BY file, row_number
