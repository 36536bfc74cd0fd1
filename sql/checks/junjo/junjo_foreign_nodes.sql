-- What a workflow ran is part of its graph.
-- severity: error
-- examines: Junjo graphs
-- query: trace_spans
--
-- A node, a subflow or a RunConcurrent that lies below a workflow and names it as its parent is a node of the graph
-- that the workflow carries; what a RunConcurrent ran is one of its items.
--
-- Usually: A row of another execution carries the ids of this one, or a runtime id was changed.
--
-- Not covered: graphs that cannot be read (see junjo_graphs), spans that name another parent than they have (see
-- junjo_parents), and rows of known runs, which are compared with their plan, and SDKs up to 0.62, whose spans say too
-- little.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'not_in_graph'
ORDER BY file, row_number, subject, actual
