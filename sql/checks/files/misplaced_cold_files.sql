-- Every cold file is where its name says.
-- severity: warn
-- needs: store
-- examines: files
-- query: file_health
--
-- The folder of a cold file is the day of its flush, and its name the time. The studio's index holds paths: a moved,
-- renamed or copied file is another file to it, or none. Its rows are audited like all others.
--
-- Usually: A backup or a copy is inside the data directory; then its spans are stored twice (see duplicate_spans).
-- Move it out, or back to the place that its name says.
--
-- Not covered: whether the studio's index knows the file.
SELECT tier, file, size, rows, coalesce(expected_place, 'no name that a studio gives') AS expected, file AS actual
FROM files
WHERE misplaced AND health IN ('ok', 'unreadable', 'empty')
ORDER BY file
