-- The stored spans of one trace: roots, and spans whose parent is missing.
-- param: trace: a trace id, or its beginning
--
-- Every copy is shown but those of the hot snapshot. A parent may be in another process.
SELECT CASE WHEN child.parent_span_id IS NULL OR child.parent_span_id = '0000000000000000' THEN 'root'
            WHEN parent.span_id IS NULL THEN 'parent missing'
            ELSE '' END AS place,
       child.trace_id, child.span_id, child.parent_span_id, child.service_name, child.name, child.start_time,
       child.tier, child.file, child.row_number
FROM stored_spans child
LEFT JOIN (SELECT DISTINCT trace_id, span_id FROM stored_spans WHERE tier <> 'hot') parent
    ON parent.trace_id = child.trace_id AND parent.span_id = child.parent_span_id
WHERE child.tier <> 'hot' AND starts_with(child.trace_id, $trace)
ORDER BY child.start_time, child.span_id, child.file, child.row_number
