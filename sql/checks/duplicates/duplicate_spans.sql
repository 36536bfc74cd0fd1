-- A span is stored once.
-- severity: error
-- scope: trace
-- examines: stored rows
-- code: duplicate_span_id
-- query: duplicates_by_file
--
-- The studio never looks for duplicates when it writes, and removes them when it reads only while both tiers are
-- registered. The cause tells where they came from: `within_file`, the span was sent or appended twice;
-- `several_segments`, the same, with a segment written in between; `reflushed`, two cold files hold it, as after a
-- crash between a flush's rename and its deletes.
--
-- Usually: `reflushed` after a crash of the studio; `within_file` where a client sends a span twice, or retries without
-- a ledger. The copies are equal: deleting the later file, if all of it is doubled, loses nothing.
--
-- Not covered: copies that are not equal (see conflicting_duplicates), one in each tier (see overlapping_spans), as
-- many as the span's export was attempted (see retry_duplicates), in the hot snapshot, in files that could not be
-- read to their end, and of rows without ids.
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
SELECT trace_id, span_id, copies,
       CASE WHEN files = 1 THEN 'within_file'
            WHEN wal_copies = 0 THEN 'reflushed'
            WHEN wal_copies = copies THEN 'several_segments'
            ELSE 'reflushed and in the WAL' END AS cause,
       first_file, first_row_number, tier, file, row_number
FROM copies
WHERE copies > sent AND NOT copies_differ AND NOT (copies = 2 AND wal_copies = 1)
ORDER BY file, row_number, trace_id, span_id
