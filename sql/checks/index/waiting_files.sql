-- The studio finds every cold file at any time.
-- severity: info
-- needs: index
-- examines: files
-- query: hidden_spans
--
-- A file that is older than two and a half minutes and not indexed yet is out of sight until its turn comes: the indexer
-- takes ten files every 30 s.
--
-- Usually: Many files were flushed or restored at once. Wait, and audit again: a file that stays is stuck (see
-- unindexed_files). `POST /api/admin/flush-wal` makes the indexer take the next ten at once.
--
-- Not covered: files that are younger, which the studio finds without its index.
SELECT 'cold' AS tier, file, spans, traces, services, named_at AS flushed_at
FROM visible_files
WHERE state = 'waiting'
ORDER BY file
