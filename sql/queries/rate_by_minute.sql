-- Spans per minute of one service or of all: how many, how long they took, and the gap before.
-- param: service (default *): the name of the service; * stands for all
--
-- Minutes without a span have no row: gap_minutes says how many of them lie before this one.
WITH minutes AS (
    SELECT date_trunc('minute', start_time) AS minute, count(*) AS spans,
           count(DISTINCT trace_id) AS traces,
           count(*) FILTER (WHERE status_code = 2) AS errors,
           CAST(least(approx_percentile_cont(duration_ns, 0.5), 9.2e18) AS BIGINT) AS p50_ns,
           CAST(least(approx_percentile_cont(duration_ns, 0.95), 9.2e18) AS BIGINT) AS p95_ns,
           max(duration_ns) AS max_ns
    FROM spans
    WHERE $service = '*' OR service_name = $service
    GROUP BY date_trunc('minute', start_time)
)
SELECT minute, spans, traces, errors, fmt_duration(p50_ns) AS p50, fmt_duration(p95_ns) AS p95,
       fmt_duration(max_ns) AS longest,
       (CAST(minute AS BIGINT) - CAST(lag(minute) OVER (ORDER BY minute) AS BIGINT)) / 60000000000 - 1 AS gap_minutes
FROM minutes
ORDER BY minute
