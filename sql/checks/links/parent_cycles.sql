-- Parents lead to a root.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- Spans that are each other's ancestors are not reachable from a root, so the studio's page of the trace does not draw them, and a program that follows parents does not
-- terminate.
--
-- Usually: A parent id was damaged and names a descendant.
--
-- Not covered: spans that are their own parents (see self_parents), and rows of known runs, whose parents are compared
-- with their plan.
SELECT tier, file, row_number, service_name, trace_id, span_id, parent_span_id
FROM unplanned_rows
WHERE in_cycle
ORDER BY file, row_number
