-- Spans that no known plan calls for and that are stored more than once, with the last of their copies in the order of
-- files. Those of plans are joined to them by `planned_duplicates`.
SELECT trace_id, span_id, copies, wal_copies, cold_files, wal_files, copies_differ, CAST(1 AS BIGINT) AS sent,
       CAST(NULL AS BIGINT) AS attempts, first_file, first_row_number, tier, file, row_number
FROM unplanned_rows -- rows that no known plan calls for
WHERE copies > 1 AND is_last_copy
