-- A trace has one root.
-- severity: info
-- scope: trace
-- examines: traces judged by structure
-- query: trace_spans
--
-- OpenTelemetry allows traces with several roots, but Junjo's own apps make none. The studio's page of a trace draws one
-- root and what hangs below it; the other roots and their spans are not drawn.
--
-- Usually: A client starts spans with a given trace id, or a parent id was lost on the way.
--
-- Not covered: rows of known runs, whose parents are compared with their plan.
SELECT tier, file, row_number, trace_id, service_name, roots, spans, start_time
FROM unplanned_traces
WHERE roots > 1
ORDER BY file, row_number
