-- Cold files are as they were when they were indexed.
-- severity: error
-- needs: index
-- examines: indexed files
-- query: hidden_spans
--
-- The indexer knows files by their paths and never reads one again. Traces and services that a changed file has gained
-- are out of sight for ever; those that it has lost are listed, and their pages are empty.
--
-- Usually: A file was restored, rewritten or replaced by another tool. Give it another name, as the studio would, or
-- stop the backend, delete its row from `parquet_files` in `sqlite/metadata.db`, and start it again.
--
-- Not covered: files that do not read (see unreadable_files), and changes that leave size, rows and times as they were
-- (see missing_index_entries).
SELECT 'cold' AS tier, file, difference, indexed_at, spans, traces, services
FROM visible_files
WHERE state = 'changed'
ORDER BY file
