-- One row per trace.
SELECT trace_id,
       max(CASE WHEN parent_span_id IS NULL THEN name END) AS root_name,
       max(CASE WHEN parent_span_id IS NULL THEN service_name END) AS root_service,
       count(*) AS spans,
       count(DISTINCT service_name) AS services,
       count(*) FILTER (WHERE status_code = 2) AS errors,
       min(start_time) AS started_at,
       max(end_time) AS ended_at,
       CAST(max(end_time) AS BIGINT) - CAST(min(start_time) AS BIGINT) AS duration_ns,
       count(DISTINCT file) AS files
FROM spans
GROUP BY trace_id
