-- The rows around one row of a file: what was written beside it.
-- param: file: the file, relative to the spans folder, or the end of its path
-- param: row: the row's number, from 0
-- param: rows (default 5): how many to show before and after
--
-- The studio appends spans in the order in which they come, so neighbours came in the same moments,
-- often in the same export.
SELECT CASE WHEN row_number = CAST($row AS BIGINT) THEN '>' ELSE '' END AS here,
       tier, file, row_number, service_name, attributes ->> 'e2e.service' AS tagged_as, name,
       trace_id, span_id, start_time
FROM stored_spans
WHERE ends_with(file, $file)
  AND row_number BETWEEN CAST($row AS BIGINT) - CAST($rows AS BIGINT) AND CAST($row AS BIGINT) + CAST($rows AS BIGINT)
ORDER BY file, row_number
