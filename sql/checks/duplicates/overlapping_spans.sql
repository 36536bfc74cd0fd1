-- A flushed span is gone from the WAL.
-- severity: warn
-- scope: trace
-- examines: stored rows
-- query: duplicates_by_file
--
-- A flush writes its cold file first and then deletes its segments: for a moment a span is in both tiers. The spans
-- reported here were still in both after two seconds.
--
-- Usually: The studio crashed between the two steps, or has no permission to delete in the WAL folder. Its views show
-- the span once, but the next flush writes it to a second cold file (see duplicate_spans). Check the permissions of
-- the folder; if cold files hold the whole segment, it can be moved away while the studio is stopped.
--
-- Not covered: spans with several copies in one tier (see duplicate_spans), copies that differ (see
-- conflicting_duplicates), and spans that a retry sent twice (see retry_duplicates).
SELECT trace_id, span_id, first_file, first_row_number, tier, file, row_number
FROM duplicated_spans -- one row per span that is stored more than once
WHERE copies = 2 AND wal_copies = 1 AND copies > sent AND NOT copies_differ
ORDER BY file, row_number, trace_id, span_id
