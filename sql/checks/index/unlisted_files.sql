-- A file that was written lately is in the lists of its services.
-- severity: warn
-- needs: index
-- examines: indexed files
-- query: cut_lists
--
-- The lists of a service's spans, traces and workflows read the 20 files with the latest ends. `late_spans`: a file that
-- is among the last 20 written, with spans that ended hours before, is found for two minutes and then by trace id alone.
-- `end_ahead`: a file with an end more than a day after it was written holds one of the 20 places for as long, where
-- there are more files.
--
-- Usually: Spans of an offline client, of a clock that is behind, or of a replay; or of a clock that is ahead. Open the
-- traces by their ids.
--
-- Not covered: files that newer ones have pushed out, as the studio intends (see cut_lists).
SELECT 'cold' AS tier, file, service_name,
       CASE WHEN last_end > flushed_at + INTERVAL '1 day' THEN 'end_ahead' ELSE 'late_spans' END AS cause,
       rank, spans, last_end, flushed_at
FROM indexed_services
WHERE file IS NOT NULL
  AND ((last_end > flushed_at + INTERVAL '1 day'
        AND service_name IN (SELECT service_name FROM indexed_services WHERE rank > 20))
       OR (rank > 20 AND flush_rank <= 20 AND last_end < flushed_at - INTERVAL '2 hours'))
ORDER BY file, service_name
