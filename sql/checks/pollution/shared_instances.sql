-- An instance belongs to one service.
-- severity: info
-- examines: resources
-- query: service_spans
--
-- `service.instance.id` identifies a process. OpenTelemetry allows it to be shared by the services of one process, and
-- its SDK for Python gives one random id to all providers of a process.
--
-- Usually: One process sends as several services, or the processes take their instance id from a host or pod that they
-- share. If each of your processes is one service, resources were mixed up between exports: see
-- child_of_other_service, mixed_service_traces, and the client's own log.
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
