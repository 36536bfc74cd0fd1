-- Every cold file, and every folder, can be read to its end.
-- severity: error
-- examines: files
-- query: file_contents
--
-- The studio skips a cold file that it cannot read without a word: its spans are gone from every
-- view. Rows before the damage were read and are judged; what follows is unknown.
--
-- Usually: a disk that was full, a copy that was cut short, or a file that the studio's user owns and this
-- one may not read. A file of another size than its copy elsewhere is damaged; restore it, for the studio
-- leaves out all that it held and says nothing. Of a folder, give this user the right to read it.
--
-- Not covered: segments (see torn_segments), damage that still decodes (see altered_spans), and the
-- pages of the hot snapshot, of which only the footer is looked at.
SELECT tier, file, size, rows AS rows_read, problem
FROM files
WHERE health = 'unreadable'
ORDER BY tier, file
