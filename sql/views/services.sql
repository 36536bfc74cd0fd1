-- One row per service.
SELECT service_name,
       count(*) AS spans,
       count(DISTINCT trace_id) AS traces,
       count(*) FILTER (WHERE status_code = 2) AS errors,
       min(start_time) AS first_start,
       max(start_time) AS last_start,
       count(DISTINCT file) AS files
FROM spans
GROUP BY service_name
