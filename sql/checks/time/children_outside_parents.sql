-- A Junjo child runs within its parent.
-- severity: warn
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- Junjo awaits what it starts itself: a node runs within its workflow, an operation within its agent. A workflow or an
-- agent is started by the code of a node or a tool, which need not wait for it: it starts after its parent, and may
-- end at any time. Start and end are readings of one clock.
--
-- Usually: A clock was set while the workflow ran, or a time was damaged in the file.
--
-- Not covered: children that are not part of their parent's execution, the end of workflows and agents, the end of the
-- items of a group in SDK 0.44 to 0.62 (which did not wait for them when one failed), spans whose own interval is
-- inverted (see inverted_intervals), and cycles (see parent_cycles).
SELECT tier, file, row_number, service_name, trace_id, span_id, start_time, end_time, parent_start_time, parent_end_time
FROM unplanned_rows
WHERE within_parent_execution AND parent_service = service_name
  AND (start_time < parent_start_time OR (parent_awaits AND end_time > parent_end_time))
  AND NOT in_cycle AND start_time <= end_time AND parent_start_time <= parent_end_time
ORDER BY file, row_number
