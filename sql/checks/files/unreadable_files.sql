-- Every Parquet file can be read to its end, and has the columns of a studio in their types.
-- severity: error
-- examines: files of any tier
-- query: file_health
--
-- A cold file with a bad footer is skipped without a word: the studio's pages answer with fewer spans. One with a bad
-- page behind a good footer makes every query that must read the page fail with an error 500. Rows before the
-- damage were read and are audited; the rest is unknown. A column of another type is unknown, too: a cast could round
-- its values.
--
-- Usually: A disk or copy error after the studio wrote the file, or a flush was killed and its file renamed by hand.
-- Where columns are missing or of another type, another program wrote it. Restore the file from a backup; without one,
-- audit with the run to see which spans it may have held.
--
-- Not covered: segments that do not decode (see torn_segments), files of zero bytes (see empty_files), damage that
-- still decodes (see altered_spans), and files without read permission, which make an audit inconclusive.
SELECT tier, file, size, rows AS rows_read, problem
FROM files
WHERE health = 'unreadable'
ORDER BY tier, file
