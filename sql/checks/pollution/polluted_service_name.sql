-- A span is stored under the service that sent it.
-- severity: error
-- scope: trace
-- examines: rows with witnesses
-- query: around_row
--
-- The studio filters by the column `service_name`. Its witnesses are the plan, the tag `e2e.service` of the span and
-- `service.name` of the resource. A row without a known plan is judged by the column and the two others: the one that
-- differs from the other two is polluted; if all three differ, it is the column.
--
-- Usually: A batch with spans of several services was stored under the name of one of them, or two processes took each
-- other's name from a shared environment. The matrix shows which service's spans went where: one cell is one mix-up, a
-- whole row a service that lost its name.
--
-- Not covered: rows without e2e-store's tags.
SELECT tier, file, row_number, trace_id, span_id, expected AS sent_by, actual AS stored_as
FROM differences -- one row per stored value that is not what the plan calls for
WHERE column_name = 'service_name'
UNION ALL
SELECT tier, file, row_number, trace_id, span_id, tagged_service, service_name
FROM unplanned_rows -- one row per stored row that no known plan calls for
WHERE tagged_service IS NOT NULL AND (tagged_service IS DISTINCT FROM service_name)
  AND ((resource_service IS DISTINCT FROM service_name) OR service_name IS NULL)
ORDER BY file, row_number
