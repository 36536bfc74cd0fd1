-- Every cold file can be read to its end.
-- severity: error
-- examines: files
-- query: file_health
--
-- The studio skips a cold file that it cannot read without a word: its spans are gone from every view. Rows
-- before the damage were read and are judged; what follows is unknown.
--
-- Usually: A disk or a copy went wrong after the studio wrote the file, or a flush was killed and its file renamed by
-- hand. Take the file from a backup; without one, audit with the run to see which spans it may have held.
--
-- Not covered: segments (see torn_segments), files without a byte (see empty_files), damage that still decodes
-- (see altered_spans), and what this user may not open, which leaves an audit inconclusive.
SELECT tier, file, size, rows AS rows_read, problem
FROM files
WHERE health = 'unreadable'
ORDER BY tier, file
