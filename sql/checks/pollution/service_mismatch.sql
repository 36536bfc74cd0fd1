-- A row's service is the one that its resource names.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- code: resource_service_mismatch
-- query: around_row
--
-- The studio copies `service.name` of the resource to the column `service_name`, by which it filters. If the two
-- differ, a span is shown under a service that did not send it.
--
-- Of a name that was sent twice the column keeps the first value and the resource the last: a name counts as another
-- service only if another row has it as its service.
--
-- Usually: Rows or resources of two services were mixed up in one batch. Compare the neighbouring rows of the same
-- file: those with the same resource show where it belongs.
--
-- Not covered: rows with the tags of a run (see polluted_service_name, polluted_resource), and rows of a file that
-- lacks one of the two columns.
SELECT tier, file, row_number, trace_id, span_id,
       resource_service AS expected, service_name AS actual
FROM unplanned_rows
LEFT JOIN (SELECT DISTINCT service_name AS name FROM resources) known ON known.name = resource_service
WHERE tagged_service IS NULL AND (service_name IS DISTINCT FROM resource_service)
  AND (resource_service IS NOT NULL OR service_name <> '' OR service_name IS NULL)
  AND (resource_service IS NULL OR known.name IS NOT NULL)
  AND invalid_json IS NULL
ORDER BY file, row_number
