-- A workflow carries its execution graph, whole and closed.
-- severity: error
-- examines: Junjo graphs
-- code: invalid_graph_snapshot
-- query: trace_spans
--
-- Each workflow and subflow of SDK 0.63 and later carries the graph that it runs, as JSON of version 2 with a fixed
-- set of keys. All its edges, children, sources and sinks refer to nodes that it lists.
--
-- Usually: The attribute was cut or changed after it was sent. The studio cannot draw the workflow.
--
-- Not covered: the content of a graph (see junjo_structural_ids), and rows of known runs, which are compared with
-- their plan, and SDKs up to 0.62, whose spans say too little.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind IN ('graph_invalid', 'graph_absent')
ORDER BY file, row_number, subject, actual
