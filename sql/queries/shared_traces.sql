-- Traces that spans of several services lie in.
--
-- In a distributed system that is how it should be. Services that never call each other share a trace
-- only when ids or names were mixed up.
SELECT trace_id, count(DISTINCT service_name) AS services, count(*) AS spans,
       string_agg(DISTINCT service_name, ', ' ORDER BY service_name) AS service_names,
       min(start_time) AS started_at
FROM spans
GROUP BY trace_id
HAVING count(DISTINCT service_name) > 1
ORDER BY services DESC, trace_id
