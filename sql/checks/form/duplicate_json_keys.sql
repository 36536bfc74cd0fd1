-- No JSON object names a key twice.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- code: duplicate_json_object_name
-- query: around_row
--
-- The studio keeps the last value of a repeated key when it writes. Readers disagree on the meaning of such a text.
--
-- Usually: Another program wrote the row, or a key was damaged and now equals its neighbour.
--
-- Not covered: JSON inside text values, and rows of known runs, whose JSON is compared with their plan.
SELECT tier, file, row_number, service_name, trace_id, span_id, doubled_keys AS column_name
FROM unplanned_rows
WHERE doubled_keys IS NOT NULL
ORDER BY file, row_number
