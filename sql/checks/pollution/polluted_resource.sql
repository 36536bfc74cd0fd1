-- A span is stored with the resource of the service that sent it.
-- severity: error
-- scope: trace
-- examines: rows with witnesses
-- query: around_row
--
-- A resource with the name of another service, instance or run was mixed up between exports, even if the column
-- `service_name` is right.
--
-- Of a `service.name` that was sent twice the column keeps the first value and the resource the last. The profile
-- `adversarial` does so; its second value is the one exempted where the run's folder is not here.
--
-- Usually: A batch with spans of several services was stored with the resource of one of them: check what batches
-- spans in front of the studio (a collector, a fan-in), and whether one process with two services shares one provider
-- between them.
--
-- Not covered: changes of other attributes of a resource (see altered_spans), and rows without e2e-store's tags.
SELECT tier, file, row_number, trace_id, span_id, sent_by, key, expected, actual
FROM differences
WHERE column_name = 'resource_attributes' AND kind = 'witness'
  AND key IN ('e2e.run', 'service.instance.id', 'service.name')
UNION ALL
SELECT tier, file, row_number, trace_id, span_id, tagged_service AS sent_by, 'service.name' AS key,
       tagged_service AS expected, resource_service AS actual
FROM unplanned_rows
WHERE tagged_service = service_name AND (resource_service IS DISTINCT FROM tagged_service)
  AND (resource_service IS DISTINCT FROM 'the last is not the name')
ORDER BY file, row_number, key
