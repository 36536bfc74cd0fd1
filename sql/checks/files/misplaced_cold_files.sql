-- Every cold file lies where its name says.
-- severity: warn
-- needs: store
-- examines: files
-- query: file_health
--
-- A cold file's folder is the day of its flush, and its name the moment. The studio's index holds paths: a file
-- that was moved, renamed or copied is another file to it, or none. Its rows are judged here like all others.
--
-- Usually: A backup or a copy lies inside the data directory; then its spans are there twice (see duplicate_spans).
-- Move it out, or back to where its name belongs.
--
-- Not covered: whether the studio's index knows the file.
SELECT tier, file, size, rows, coalesce(expected_place, 'no name that a studio gives') AS expected, file AS actual
FROM files
WHERE misplaced AND health IN ('ok', 'unreadable', 'empty')
ORDER BY file
