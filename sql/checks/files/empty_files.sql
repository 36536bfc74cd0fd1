-- Every file of the store holds rows.
-- severity: error
-- examines: files and segments
-- query: file_contents
--
-- The studio writes a file only when it has rows for it, and renames it only when it is whole. It never
-- syncs what it wrote: a machine that loses power can leave a name without content.
--
-- Usually: The machine went down shortly after a flush or a WAL write. What the file held is gone; audit with the
-- run to see which spans. An empty segment also blocks every flush (see wedged_wal): stop the studio and move it away.
--
-- Not covered: temporary files, which may be empty, the hot snapshot, a copy of a WAL that may be empty, and files of
-- which only names and ends were looked at (`--depth files` does not count rows).
SELECT tier, file, size, rows, named_at
FROM files
WHERE health = 'empty' OR (health = 'ok' AND tier <> 'hot' AND rows = 0)
ORDER BY tier, file
