-- Every segment of the WAL is whole.
-- severity: error
-- examines: segments
-- query: file_contents
--
-- One torn or empty segment makes every later flush and snapshot fail: the WAL grows, and nothing
-- reaches a cold file any more. A segment without its end marker may be cut between two messages,
-- which no reader calls an error.
--
-- Usually: the studio or its machine stopped while a segment was on its way to the disk: segments are
-- renamed without fsync, so a power loss can leave one empty or short. Stop the studio, move the segment
-- out of `wal` (keep it: `e2e-store sql` still reads its whole rows), and start it again; every flush fails
-- until then.
--
-- Not covered: whole segments that a newer studio cannot flush because an older one wrote them (see
-- wedged_wal).
SELECT tier, file, size, rows AS rows_read, problem
FROM files
WHERE health = 'torn'
ORDER BY file
