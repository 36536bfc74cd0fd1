-- Every file of the store holds rows.
-- severity: error
-- examines: files and segments
-- query: file_health
--
-- The studio writes a file only when it has rows for it, and renames it only when it is complete. It does not sync
-- what it wrote: a power failure can leave a name without content.
--
-- Usually: The machine lost power shortly after a flush or a WAL write. The content of the file is gone; audit with
-- the run to see which spans are affected. An empty segment also blocks every flush (see wedged_wal): stop the studio
-- and move it away.
--
-- Not covered: temporary files, which may be empty, the hot snapshot, a copy of a WAL that may be empty, and audits
-- with `--depth files`, which does not count rows.
SELECT tier, file, size, rows, named_at
FROM files
WHERE health = 'empty' OR (health = 'ok' AND tier <> 'hot' AND rows = 0)
ORDER BY tier, file
