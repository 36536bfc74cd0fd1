-- Every Parquet file can be read to its end, and has the columns of a studio in their types.
-- severity: error
-- examines: files of any tier
-- query: file_contents
--
-- The studio skips a cold file that it cannot read without a word: its spans are gone from every view. Rows
-- before the damage were read and are judged; what follows is unknown. A column of another type is unknown, too:
-- a cast could round its values.
--
-- Usually: A disk or a copy went wrong after the studio wrote the file, or a flush was killed and its file renamed by
-- hand. Where columns are missing or of another type, another program wrote it. Take the file from a backup; without
-- one, audit with the run to see which spans it may have held.
--
-- Not covered: what does not decode of segments (see torn_segments), files without a byte (see empty_files), damage
-- that still decodes (see altered_spans), and what this user may not open, which leaves an audit inconclusive.
SELECT tier, file, size, rows AS rows_read, problem
FROM files
WHERE health = 'unreadable'
ORDER BY tier, file
