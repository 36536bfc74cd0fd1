-- JSON columns hold JSON of their kind.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- code: invalid_payload_json
-- query: around_row
--
-- The studio writes objects to `attributes` and `resource_attributes`, and arrays to `events` and `links`;
-- anything else in them is damage. Its API silently turns text that does not parse into `{}`, and a workflow, agent or
-- call of a model with such attributes is in no list of its own.
--
-- Usually: The file is damaged: a flipped bit in a text shows here if it breaks the syntax.
--
-- Not covered: rows of known runs, whose JSON is compared with their plan, and damage that leaves valid JSON.
SELECT tier, file, row_number, service_name, trace_id, span_id, invalid_json AS column_name
FROM unplanned_rows
WHERE invalid_json IS NOT NULL
ORDER BY file, row_number
