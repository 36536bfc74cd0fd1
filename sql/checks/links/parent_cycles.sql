-- Parents lead to a root.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- Spans that are each other's ancestors hang in the air: no root reaches them, and a view that walks up does not end.
--
-- Usually: A parent id was damaged and points at a descendant.
--
-- Not covered: spans that are their own parents (see self_parents), and rows of known runs, whose parents are compared
-- with their plan.
SELECT tier, file, row_number, service_name, trace_id, span_id, parent_span_id
FROM unplanned_rows
WHERE in_cycle
ORDER BY file, row_number
