-- All nodes that a workflow counted are stored.
-- severity: error
-- needs: store
-- examines: Junjo graphs
-- code: workflow_node_count_mismatch
-- query: trace_spans
--
-- A workflow counts the nodes, subflows and items of RunConcurrent that completed within it. They are exported before
-- the workflow itself, so a smaller number of stored spans means that some are lost. The finding names what must have
-- run, as far as the graph tells.
--
-- Usually: An export was refused or lost on the way, or the store lost the rows; see the client's log.
--
-- Not covered: nodes that failed or were cancelled, which no count includes; executions with rows that cannot be read
-- or that lie in another trace; stores with a file that could not be read to its end; and rows of known runs, which
-- are compared with their plan, and SDKs up to 0.62, whose spans say too little.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'missing_executions' AND settled
  AND (SELECT count(*) FROM files WHERE health IN ('unreadable', 'torn', 'empty', 'not read') AND tier <> 'hot') = 0
ORDER BY file, row_number, subject, actual
