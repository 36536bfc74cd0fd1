-- A flushed span is gone from the WAL.
-- severity: warn
-- scope: trace
-- examines: stored rows
-- query: duplicates_by_file
--
-- A flush writes its cold file first and deletes its segments then: for a moment a span is in both tiers. What is
-- reported here was still in both after two seconds.
--
-- Usually: The studio crashed between the two, or may not delete in the WAL folder. Its views show the span once, but the
-- next flush writes it into a second cold file (see duplicate_spans). Check the folder's permissions; if the whole
-- segment is in cold files, it can be moved away while the studio is stopped.
--
-- Not covered: spans with several copies in one tier (see duplicate_spans), copies that differ (see
-- conflicting_duplicates), and spans that were sent twice by a retry (see retry_duplicates).
WITH copies AS (
    SELECT trace_id, span_id, count(*) AS copies, count(*) FILTER (WHERE tier = 'wal') AS wal_copies,
           count(DISTINCT file) AS files, count(DISTINCT coalesce(differing, '')) > 1 AS copies_differ,
           coalesce(max(attempts - refusals), 1) AS sent,
           first_value(file ORDER BY file, row_number) AS first_file,
           first_value(row_number ORDER BY file, row_number) AS first_row_number,
           last_value(tier ORDER BY file, row_number) AS tier,
           last_value(file ORDER BY file, row_number) AS file,
           last_value(row_number ORDER BY file, row_number) AS row_number
    FROM sightings -- copies of planned spans
    GROUP BY trace_id, span_id
    UNION ALL
    SELECT trace_id, span_id, copies, wal_copies, CASE WHEN first_file = file THEN 1 ELSE 2 END, copies_differ, 1,
           first_file, first_row_number, tier, file, row_number
    FROM facts -- rows that no known plan calls for
    WHERE copies > 1 AND is_last_copy
)
SELECT trace_id, span_id, first_file, first_row_number, tier, file, row_number
FROM copies
WHERE copies = 2 AND wal_copies = 1 AND copies > sent AND NOT copies_differ
ORDER BY file, row_number, trace_id, span_id
