-- A workflow counted the nodes that are stored.
-- severity: warn
-- examines: Junjo graphs
-- code: workflow_node_count_mismatch
-- query: trace_spans
--
-- A completed workflow counts each node that completed within it, so there are not more spans than it counted.
--
-- Usually: The count was changed, a row was copied under a new span id, or a node ended the process (`SystemExit`) in
-- the last step of its graph, which no count includes.
--
-- Not covered: counts that are too high (see junjo_missing_executions), and rows of known runs, which are compared
-- with their plan, and SDKs up to 0.62, whose spans say too little.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'node_count'
ORDER BY file, row_number, subject, actual
