-- The index knows no file that is gone.
-- severity: warn
-- needs: index
-- examines: indexed files
--
-- The studio deletes no cold file. Services of a file that is gone are still listed, and their pages are empty, until
-- the backend starts again and forgets it.
--
-- Usually: A cold file was deleted or moved by hand. Put it back, or restart the backend.
--
-- Not covered: an index of which no path leads here (see foreign_index).
SELECT path, rows AS spans, indexed_at
FROM indexed_files
WHERE is_gone AND NOT coalesce((SELECT is_of_another_store FROM studio_index), false)
ORDER BY path
