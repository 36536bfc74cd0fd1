-- A Junjo execution belongs to one service.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- code: service_name_mismatch
-- query: around_row
--
-- A workflow and its nodes, or an agent and its operations, run in one process. A child and its parent that name one
-- execution (`junjo.parent_executable_runtime_id`, `junjo.agent.runtime_id`, or `junjo.parent_id` of older SDKs) and
-- are stored under two services cannot both be under the right one.
--
-- Usually: Whole rows, resource included, moved to another service; the other members of the execution show which.
--
-- Not covered: calls from one service to another, which name no common execution, and rows whose own column and
-- resource differ (see service_mismatch) or whose tags do (see polluted_service_name).
SELECT tier, file, row_number, trace_id, span_id, parent_file, parent_row_number,
       parent_service AS expected, service_name AS actual
FROM unplanned_rows
WHERE within_parent_execution AND parent_service <> service_name
  AND service_name = resource_service AND parent_service = parent_resource_service
  AND (tagged_service IS NULL OR tagged_service = service_name)
ORDER BY file, row_number
