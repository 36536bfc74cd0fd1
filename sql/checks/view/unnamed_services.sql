-- Every stored span has a service.
-- severity: warn
-- examines: resources
--
-- The studio lists a service without a name as an empty line, and the page of that line drops the filter: it shows the
-- spans of other services in the same files.
--
-- Usually: A client that sets no `service.name`, or one that is no text. Set `OTEL_SERVICE_NAME`.
--
-- Not covered: rows whose resource names a service (see service_mismatch), and rows of known runs, whose service is
-- compared with their plan.
SELECT tier, file, row_number, resource_service, instance_id, rows AS spans
FROM resources
WHERE service_name = '' AND coalesce(resource_service, '') = ''
ORDER BY file, row_number
