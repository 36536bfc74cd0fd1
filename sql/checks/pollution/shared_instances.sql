-- An instance belongs to one service.
-- severity: warn
-- examines: resources
-- query: service_spans
--
-- `service.instance.id` identifies a process. Rows of two services with the same instance were sent by one process, or
-- resources were mixed up.
--
-- Usually: The processes take their instance id from a host or pod that they share, which OpenTelemetry allows across
-- services. If ids are random (the SDK's default), resources were mixed up between exports.
--
-- Not covered: rows whose column and resource name different services (see service_mismatch), and resources without an
-- instance, as older SDKs send them.
SELECT instance_id, count(DISTINCT service_name) AS services, min(service_name) AS service_name,
       max(service_name) AS other_service, sum(rows) AS rows
FROM resources
WHERE instance_id IS NOT NULL AND service_name = resource_service
GROUP BY instance_id
HAVING count(DISTINCT service_name) > 1
ORDER BY instance_id
