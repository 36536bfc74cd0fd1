-- A workflow takes its steps along the edges of its graph.
-- severity: error
-- examines: Junjo graphs
-- query: trace_spans
--
-- Nodes run one after the other: the first is the source, each step goes along an edge and along none that is declared
-- after an edge without a condition, and a workflow that completes ends in a sink.
--
-- Usually: Ids or times of nodes were exchanged or changed.
--
-- Not covered: which of several conditions was true, since that is not recorded; workflows whose count says that nodes
-- are missing (see junjo_missing_executions); executions whose clock was set back; and rows of known runs, which are
-- compared with their plan, and SDKs up to 0.62, whose spans say too little.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'step'
ORDER BY file, row_number, subject, actual
