-- The studio's pages can show every row.
-- severity: warn
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- The list of workflows of a service and the page of a trace check all of their rows, and show none where one does not
-- pass: a start or an end of 0 (`time_zero`), an event without a name (`unnamed_event`), or events in another form than
-- the studio writes (`noncanonical_events`).
--
-- Usually: A client that sends 0 for a time, or events without names; or another program rewrote the file. The spans are
-- in other lists.
--
-- Not covered: rows of known runs, and what else the pages may stumble over.
SELECT tier, file, row_number, service_name, trace_id, span_id,
       CASE WHEN noncanonical LIKE '%events%' THEN 'noncanonical_events' ELSE 'time_zero' END AS cause
FROM unplanned_rows
WHERE start_time = TIMESTAMP '1970-01-01T00:00:00Z' OR end_time = TIMESTAMP '1970-01-01T00:00:00Z'
   OR noncanonical LIKE '%events%'
UNION ALL
SELECT tier, file, row_number, service_name, trace_id, span_id, cause
FROM hidden_rows
WHERE cause = 'unnamed_event'
ORDER BY file, row_number
