-- A Junjo child runs within its parent.
-- severity: warn
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- Junjo awaits what it starts: a node runs within its workflow, an operation within its agent. Start and end are
-- readings of one clock.
--
-- Usually: A clock was set while the workflow ran, or a time was damaged in the file.
--
-- Not covered: children that are not part of their parent's execution, which may outlive it, spans whose own interval
-- is inverted (see inverted_intervals), and cycles (see parent_cycles).
SELECT tier, file, row_number, service_name, trace_id, span_id, start_time, end_time, parent_start_time, parent_end_time
FROM unplanned_rows
WHERE within_parent_execution AND parent_service = service_name
  AND (start_time < parent_start_time OR end_time > parent_end_time)
  AND NOT in_cycle AND start_time <= end_time AND parent_start_time <= parent_end_time
ORDER BY file, row_number
