-- Files that the index lacks were not due when the studio last ran.
-- finding: inconclusive
-- needs: index
-- examines: files
-- query: hidden_spans
--
-- Nothing in the store was written since the turn of these files came. In a copy, or where the studio was stopped, they
-- will be indexed when it runs; where only the indexer is down, they will not.
--
-- Usually: The store is a copy, or the studio is stopped. Start it, wait a minute, and audit again.
--
-- Not covered: files whose turn came while the studio was running (see unindexed_files).
SELECT 'cold' AS tier, file, spans, traces, services, named_at AS flushed_at
FROM visible_files
WHERE state = 'undecided'
ORDER BY file
