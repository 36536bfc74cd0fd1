-- What one file holds, by service and span name.
-- param: file: the file, relative to the spans folder, or the end of its path
SELECT tier, file, service_name, name, count(*) AS "rows", count(DISTINCT trace_id) AS traces,
       min(row_number) AS first_row, max(row_number) AS last_row,
       min(start_time) AS first_start, max(start_time) AS last_start
FROM stored_spans
WHERE ends_with(file, $file)
GROUP BY tier, file, service_name, name
ORDER BY file, min(row_number)
