-- No span is its own parent.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- A program that follows the parents of such a span does not terminate.
--
-- Usually: A parent id was damaged, or a client set it by hand.
--
-- Not covered: rows of known runs, whose parents are compared with their plan.
SELECT tier, file, row_number, service_name, trace_id, span_id, parent_span_id
FROM unplanned_rows
WHERE has_parent AND parent_span_id = span_id
ORDER BY file, row_number
