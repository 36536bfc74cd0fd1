-- A span is stored under the service that sent it.
-- severity: error
-- scope: trace
-- examines: rows with witnesses
-- query: around_row
--
-- The column `service_name` is what the studio filters by. Its witnesses are the plan, the tag
-- `e2e.service` on the span and `service.name` in the resource. A row that no known plan calls for
-- is judged by these three alone, and the one that the other two outvote is the polluted one; where
-- all differ, it is the column.
--
-- Usually: a batch with the spans of several services was stored under the name of one of them, or two
-- processes took each other's name from one environment. The matrix tells which service's spans went where:
-- one cell is one mix-up, a whole row one service that lost its name.
--
-- Not covered: rows that carry no tag of ours.
SELECT tier, file, row_number, trace_id, span_id, expected AS sent_by, actual AS stored_as
FROM differences -- one row per stored value that is not what the plan calls for
WHERE column_name = 'service_name'
UNION ALL
SELECT tier, file, row_number, trace_id, span_id, tagged_service, service_name
FROM unplanned_rows -- one row per stored row that no known plan calls for
WHERE tagged_service IS NOT NULL AND (tagged_service IS DISTINCT FROM service_name)
  AND ((resource_service IS DISTINCT FROM service_name) OR service_name IS NULL)
ORDER BY file, row_number
