-- Stored rows that do not agree about who sent them.
--
-- Every span of `generate` says three times which service it is of: in the column service_name, in the
-- tag e2e.service, and in service.name of its resource. A row whose tag names another service than its
-- column is polluted. So is one whose resource names another service that is in the store, too; a name
-- that no service has may be an odd sender's second service.name, of which the column keeps the first.
-- Foreign traffic carries no tag and cannot be judged: a check knows more, this is the plain form of it.
SELECT tier, file, row_number, trace_id, span_id,
       service_name AS stored_as,
       (attributes ->> 'e2e.service') AS tagged_as,
       (resource_attributes ->> 'service.name') AS resource_of
FROM stored_spans
WHERE tier <> 'hot' -- a copy of the WAL
  AND (attributes ->> 'e2e.service') IS NOT NULL
  AND (((attributes ->> 'e2e.service') IS DISTINCT FROM service_name)
       OR (((resource_attributes ->> 'service.name') IS DISTINCT FROM service_name)
           AND ((resource_attributes ->> 'service.name') IS NULL
                OR (resource_attributes ->> 'service.name') IN (SELECT service_name FROM stored_spans))))
ORDER BY file, row_number
