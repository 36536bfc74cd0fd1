-- The lists of a service read all of its files.
-- severity: info
-- needs: index
-- examines: indexed files
-- query: cut_lists
--
-- The studio's lists of a service's spans, traces and workflows read the 20 files with the latest ends. What is in the
-- others is found by trace id alone.
--
-- Usually: As the studio is made. Raise the flush limits of the ingestion service, so that there are fewer files.
--
-- Not covered: that a page shows 100 rows of what its list reads.
SELECT service_name, count(*) - 20 AS files, sum(spans) FILTER (WHERE rank > 20) AS spans,
       max(last_end) FILTER (WHERE rank > 20) AS listed_from
FROM indexed_services
WHERE file IS NOT NULL AND spans IS NOT NULL
GROUP BY service_name
HAVING count(*) > 20
ORDER BY service_name
