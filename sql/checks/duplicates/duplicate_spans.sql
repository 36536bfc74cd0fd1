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
SELECT trace_id, span_id, copies,
       CASE WHEN files = 1 THEN 'within_file'
            WHEN wal_copies = 0 THEN 'reflushed'
            WHEN wal_copies = copies THEN 'several_segments'
            ELSE 'reflushed and in the WAL' END AS cause,
       first_file, first_row_number, tier, file, row_number
FROM duplicated_spans -- one row per span that is stored more than once
WHERE copies > sent AND NOT copies_differ AND NOT (copies = 2 AND wal_copies = 1)
ORDER BY file, row_number, trace_id, span_id
