-- Every segment of the WAL is whole.
-- severity: error
-- examines: segments
--
-- One torn or empty segment makes every later flush and snapshot fail: the WAL grows, and nothing
-- reaches a cold file any more. A segment without its end marker may be cut between two messages,
-- which no reader calls an error.
--
-- Not covered: whole segments that a newer studio cannot flush because an older one wrote them (see
-- wedged_wal).
SELECT tier, file, size, rows AS rows_read, problem
FROM files
WHERE health = 'torn'
ORDER BY file
