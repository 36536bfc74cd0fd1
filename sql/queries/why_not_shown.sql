-- Where a trace is stored, and whether the studio's pages find it.
-- param: trace: the trace id
SELECT span.tier, span.file, span.service_name, count(*) AS spans, file.state, file.cause,
       indexed.path IS NOT NULL AS opens_by_id,
       count(*) FILTER (WHERE span.parent_span_id IS NULL) AS roots,
       min(span.start_time) AS first_start
FROM stored_spans span
LEFT JOIN visible_files file ON file.file = span.file
LEFT JOIN (SELECT file, path FROM indexed_traces WHERE trace_id = $trace) indexed ON indexed.file = span.file
WHERE span.trace_id = $trace AND span.tier <> 'hot'
GROUP BY span.tier, span.file, span.service_name, file.state, file.cause, indexed.path
ORDER BY span.tier, span.file, span.service_name
