-- Spans that are stored more than once, planned or not, with the last of their copies in the order of files.
SELECT trace_id, span_id, count(*) AS copies, count(*) FILTER (WHERE tier = 'wal') AS wal_copies,
       count(DISTINCT file) FILTER (WHERE tier = 'cold') AS cold_files,
       count(DISTINCT file) FILTER (WHERE tier = 'wal') AS wal_files,
       count(DISTINCT coalesce(differing, '')) > 1 AS copies_differ,
       coalesce(max(attempts - refusals), 1) AS sent, max(attempts) AS attempts,
       first_value(file ORDER BY file, row_number) AS first_file,
       first_value(row_number ORDER BY file, row_number) AS first_row_number,
       last_value(tier ORDER BY file, row_number) AS tier,
       last_value(file ORDER BY file, row_number) AS file,
       last_value(row_number ORDER BY file, row_number) AS row_number
FROM planned_copies -- copies of planned spans
GROUP BY trace_id, span_id
UNION ALL
SELECT trace_id, span_id, copies, wal_copies, cold_files, wal_files, copies_differ, 1, NULL,
       first_file, first_row_number, tier, file, row_number
FROM unplanned_rows -- rows that no known plan calls for
WHERE copies > 1 AND is_last_copy
