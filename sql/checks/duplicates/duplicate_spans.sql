-- A span is stored once.
-- severity: error
-- scope: trace
-- examines: stored rows
-- code: duplicate_span_id
-- query: duplicates_by_file
--
-- The studio never looks for duplicates when it writes, and removes them when it reads only while both tiers are
-- registered: the studio will show the span once or several times, by whether its WAL is empty, and the page of a trace
-- draws all that hangs below it once for each copy, at every level. The cause is what the ledger and the copies prove, in this order: `sent_twice`, its export was attempted
-- as often as it is stored, refused attempts included; `within_file`, all copies are in one file: it was sent or
-- appended twice; `copied_file`, one of the files is not where the studio writes it; `several_segments`, only the WAL
-- holds it, in several segments; `reflushed`, several cold files hold it, as after a crash between a flush's rename and
-- its deletes; `reflushed_and_in_wal`, the same, and the segment is still there; `within_file_and_in_wal`, one cold file
-- holds it twice, and its segment is still there; `doubled_in_wal`, one cold file and several rows of the WAL hold it.
--
-- Usually: `reflushed` after a crash of the studio; `within_file` where a client sends a span twice, or retries without
-- a ledger; `copied_file` where a backup lies inside the data directory. The copies are equal: deleting the later
-- file, if all of it is duplicated, loses nothing.
--
-- Not covered: copies that are not equal (see conflicting_duplicates), one in each tier (see overlapping_spans), as
-- many as the span's export was attempted without being refused (see retry_duplicates), in the hot snapshot, in files
-- that could not be read to their end, and of rows without ids.
SELECT trace_id, span_id, copies,
       CASE WHEN attempts >= copies THEN 'sent_twice'
            WHEN cold_files + wal_files = 1 THEN 'within_file'
            WHEN last_place.name IS NOT NULL OR first_place.name IS NOT NULL THEN 'copied_file'
            WHEN cold_files = 0 THEN 'several_segments'
            WHEN cold_files > 1 AND wal_copies = 0 THEN 'reflushed'
            WHEN cold_files > 1 THEN 'reflushed_and_in_wal'
            WHEN copies - wal_copies > 1 THEN 'within_file_and_in_wal'
            ELSE 'doubled_in_wal' END AS cause,
       first_file, first_row_number, tier, file, row_number
-- One row per span that is stored more than once; the few misplaced files are on the side that a join holds.
FROM (SELECT file AS name FROM files WHERE misplaced) first_place
RIGHT JOIN ((SELECT file AS name FROM files WHERE misplaced) last_place
            RIGHT JOIN duplicated_spans ON last_place.name = file) ON first_place.name = first_file
WHERE copies > sent AND NOT copies_differ AND NOT (copies = 2 AND wal_copies = 1)
ORDER BY file, row_number, trace_id, span_id
