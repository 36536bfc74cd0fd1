-- A span's parent is in the same trace.
-- severity: error
-- needs: store
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- In every version of OpenTelemetry parent and child have the same trace id. If the only row with the parent's id is
-- in another trace, one of the two trace ids is not the one that was sent.
--
-- Usually: A trace id was damaged in the file. The other spans of the two traces show which one.
--
-- Not covered: rows of known runs, whose ids are compared with their plan, and more than 250 000 absent parents.
SELECT tier, file, row_number, service_name, trace_id AS actual, span_id, parent_span_id, parent_file, parent_row_number,
       parent_trace_id AS expected
FROM unplanned_rows
WHERE parent_trace_id IS NOT NULL
ORDER BY file, row_number
