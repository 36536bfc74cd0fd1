-- JSON is in the studio's own form.
-- severity: warn
-- scope: trace
-- examines: rows judged by structure
-- code: missing_loss_counter, invalid_event_timestamp
-- query: around_row
--
-- The studio writes compact JSON with sorted keys, and every event and link with exactly the members of its schema.
-- Its list of workflows searches for the text `"junjo.span_type":"workflow"`: rows in another form are missing there
-- (see unsearchable_executions), and pages refuse events in another form (see page_breaking_rows).
--
-- Usually: Another program wrote the file, such as a conversion or a repair.
--
-- Not covered: rows of known runs, whose JSON is compared by value.
SELECT tier, file, row_number, service_name, trace_id, span_id, noncanonical AS column_name
FROM unplanned_rows
WHERE noncanonical IS NOT NULL
ORDER BY file, row_number
