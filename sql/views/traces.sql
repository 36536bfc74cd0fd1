-- One row per trace.
SELECT trace_id,
       max(CASE WHEN is_root THEN name END) AS root_name,
       max(CASE WHEN is_root THEN service_name END) AS root_service,
       count(*) AS spans,
       count(DISTINCT service_name) AS services,
       count(*) FILTER (WHERE status_code = 2) AS errors,
       min(start_time) AS started_at,
       max(end_time) AS ended_at,
       -- Null where damaged times lie further apart than fits.
       TRY_CAST(CAST(CAST(max(end_time) AS BIGINT) AS DECIMAL(38, 0))
                - CAST(CAST(min(start_time) AS BIGINT) AS DECIMAL(38, 0)) AS BIGINT) AS duration_ns,
       count(DISTINCT file) AS files
FROM (SELECT *, parent_span_id IS NULL OR parent_span_id = '0000000000000000' AS is_root FROM spans)
GROUP BY trace_id
