-- Missing parents, each with the children that it left.
--
-- Children of one parent are a family. Many children with one service and one moment speak for a lost
-- export, children in other files than their neighbours for a lost file.
WITH stored AS (
    SELECT trace_id, span_id FROM spans
)
SELECT child.trace_id, child.parent_span_id AS missing_parent, count(*) AS children,
       array_to_string(array_sort(array_agg(DISTINCT child.name)), ', ') AS names,
       array_to_string(array_sort(array_agg(DISTINCT child.service_name)), ', ') AS services,
       count(DISTINCT child.file) AS files, min(child.start_time) AS first_start
FROM spans child
LEFT JOIN stored parent ON parent.trace_id = child.trace_id AND parent.span_id = child.parent_span_id
WHERE child.parent_span_id IS NOT NULL AND child.parent_span_id <> '0000000000000000' AND parent.span_id IS NULL
GROUP BY child.trace_id, child.parent_span_id
ORDER BY children DESC, child.trace_id, missing_parent
