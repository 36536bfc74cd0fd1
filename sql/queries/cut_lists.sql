-- Files of a service that its lists do not read.
-- param: service_name (default %): the service, or a pattern
--
-- The studio's lists read the 20 files with the latest ends; the others are found by trace id alone.
SELECT service_name, rank, file, path, spans, last_end, flushed_at, has_workflows
FROM indexed_services
WHERE service_name LIKE $service_name AND (rank > 20 OR last_end > flushed_at + INTERVAL '1 day')
ORDER BY service_name, rank
