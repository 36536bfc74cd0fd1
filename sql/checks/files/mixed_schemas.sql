-- All files are of one schema.
-- severity: info
-- examines: files and segments
--
-- Studio 0.82 added seven columns. A store that was upgraded has files of both schemas; each is read by the names of
-- its columns, and columns that the older schema lacks are unknown, not empty.
--
-- Usually: The studio was upgraded. Its own queries may treat the missing columns of older files as empty.
--
-- Not covered: files whose columns are of neither schema (see unreadable_files), and the hot snapshot.
SELECT schema_version, count(*) AS files, sum(rows) AS rows, min(file) AS first_file, max(file) AS last_file
FROM files
WHERE schema_version IS NOT NULL AND tier <> 'hot'
  AND (SELECT count(DISTINCT schema_version) FROM files WHERE tier <> 'hot') > 1
GROUP BY schema_version
ORDER BY schema_version
