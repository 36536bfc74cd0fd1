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
-- A client that sends `service.name` twice breaks the rules of OpenTelemetry, and the row contradicts itself all the
-- same: the column keeps the first value, the resource the last. Rows of a known run or replay are compared with what
-- was sent instead.
--
-- Usually: Rows or resources of two services were mixed up in one batch. Compare the neighbouring rows of the same
-- file: those with the same resource show where it belongs.
--
-- Not covered: rows with the tags of a run (see polluted_service_name, polluted_resource), and rows of a file that
-- lacks one of the two columns.
SELECT tier, file, row_number, trace_id, span_id, resource_service AS expected, service_name AS actual
FROM unplanned_rows
WHERE tagged_service IS NULL AND (service_name IS DISTINCT FROM resource_service)
  AND (resource_service IS NOT NULL OR service_name <> '' OR service_name IS NULL)
  AND (invalid_json IS NULL OR invalid_json NOT LIKE '%resource_attributes%')
ORDER BY file, row_number
