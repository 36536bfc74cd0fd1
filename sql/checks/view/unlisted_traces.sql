-- Every trace has a root that the studio's list of traces finds.
-- severity: warn
-- needs: store
-- scope: trace
-- examines: traces judged by structure
-- query: trace_spans
--
-- That list shows spans whose parent is null or empty. `zero_parent`: a root with a parent of 16 zeros, which OTLP takes
-- for none, is not in it. `root_elsewhere`: all top spans of the trace have a parent in another process, whose spans are
-- not here. Workflows of such a trace are in their own list, and the trace opens by its id.
--
-- Usually: A client that writes zeros for no parent; or the caller of a service sends its spans to another place.
--
-- Not covered: traces whose root is missing although it should be here (see rootless_traces), traces that are younger
-- than an hour, and rows of known runs, whose parents are compared with their plan.
SELECT tier, file, row_number, service_name, trace_id, span_id, 'zero_parent' AS cause
FROM unplanned_rows
WHERE parent_span_id = '0000000000000000' AND is_first_copy
UNION ALL
SELECT tier, file, row_number, service_name, trace_id, NULL, 'root_elsewhere'
FROM unplanned_traces
WHERE roots = 0 AND an_hour_old AND NOT has_cycle AND parents_elsewhere = 0
  AND absent_remote_parents > 0
ORDER BY file, row_number
