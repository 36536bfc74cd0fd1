-- The indexer reads the folder that ingestion writes.
-- severity: error
-- needs: index
-- examines: files
--
-- The index has its tables and not one file, while cold files here are long due: the backend looks for them elsewhere,
-- or passes them all over. No list shows their spans, and no trace opens.
--
-- Usually: The backend's setting for the folder of cold files is left at its default, which is not where ingestion
-- writes; or its path has a folder `tmp`, which it leaves out. Compare the two settings, and restart the backend.
--
-- Not covered: single files that are not indexed (see unindexed_files).
SELECT 'sqlite/metadata.db' AS database, count(*) AS files, sum(spans) AS spans, min(named_at) AS first_flush,
       max(named_at) AS last_flush
FROM visible_files
WHERE state = 'unread'
HAVING count(*) > 0
ORDER BY files
