-- The studio that is at work can read every cold file.
-- severity: error
-- needs: store
-- examines: files
-- query: file_contents
--
-- Studio 0.82 asks every cold file for columns that older files lack: each read that touches one answers 500. A trace
-- with rows in such a file cannot be opened, and a service with one among the 20 files of its lists loses these lists,
-- new spans included. A file of the newer schema (`newer_files`), or an index with the table of agents
-- (`newer_backend`), shows that such a studio is at work.
--
-- Usually: The studio was upgraded to 0.82 with its data. Move the older files out of the data directory and send their
-- spans again: `e2e-store replay FILE`; or keep a studio of 0.81 beside it for them.
--
-- Not covered: segments of the older schema (see wedged_wal), files whose columns are of neither schema (see
-- unreadable_files), and a studio that was set back to 0.81.
SELECT tier, file,
       CASE WHEN (SELECT count(*) FROM files WHERE schema_version = 2) > 0 THEN 'newer_files' ELSE 'newer_backend' END
           AS cause,
       rows AS spans, schema_version, named_at AS flushed_at
FROM files
WHERE tier = 'cold' AND schema_version = 1
  AND ((SELECT count(*) FROM files WHERE schema_version = 2) > 0
       OR coalesce((SELECT has_agent_files FROM studio_index), false))
ORDER BY file
