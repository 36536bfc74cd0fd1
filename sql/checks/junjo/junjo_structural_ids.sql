-- Structural ids follow from the graph that they name.
-- severity: error
-- examines: Junjo graphs
-- code: structural_identity_mismatch
-- query: trace_spans
--
-- The id of a graph, of a node and of an edge is a digest of what the graph consists of, so it can be computed again
-- from the snapshot. A span carries the id of its node, and a subflow that of its own graph.
--
-- Usually: A label, an edge or an id was changed after it was sent.
--
-- Not covered: graphs that cannot be read (see junjo_graphs), agents (see junjo_agent_definitions), and rows of known
-- runs, which are compared with their plan, and SDKs up to 0.62, whose spans say too little.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind IN ('structural_id', 'subflow_graph', 'node_type')
ORDER BY file, row_number, subject, actual
