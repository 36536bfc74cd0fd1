-- Where the spans of one service went.
-- param: service: the service's name
--
-- By file and by what each of the three witnesses says: the column, the tag e2e.service, and service.name
-- of the resource. Rows that name the service anywhere are counted.
SELECT tier, file, service_name AS stored_as, attributes ->> 'e2e.service' AS tagged_as,
       resource_attributes ->> 'service.name' AS resource_of,
       count(*) AS "rows", min(start_time) AS first_start, max(start_time) AS last_start
FROM stored_spans
WHERE service_name = $service OR (attributes ->> 'e2e.service') = $service
   OR (resource_attributes ->> 'service.name') = $service
GROUP BY tier, file, stored_as, tagged_as, resource_of
ORDER BY tier, file, stored_as, tagged_as, resource_of
