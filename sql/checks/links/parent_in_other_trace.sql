-- A span's parent is in the same trace.
-- severity: error
-- needs: store
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- Parent and child share their trace id, in every version of OpenTelemetry. A parent that lies in another trace only
-- means that the trace id of one of the two is not what was sent.
--
-- Usually: A trace id was damaged in the file. The other spans of the two traces tell which.
--
-- Not covered: rows of known runs, whose ids are compared with their plan, and more than a million absent parents.
SELECT tier, file, row_number, service_name, trace_id AS actual, span_id, parent_span_id, parent_file, parent_row_number,
       parent_trace_id AS expected
FROM unplanned_rows
WHERE parent_trace_id IS NOT NULL
ORDER BY file, row_number
