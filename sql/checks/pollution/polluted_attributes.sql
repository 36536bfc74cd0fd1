-- A span carries the tags that it was sent with.
-- severity: error
-- scope: trace
-- examines: rows with witnesses
-- query: around_row
--
-- The tags `e2e.run`, `e2e.service`, `e2e.workflow` and `e2e.span` say whose attributes these are. If
-- they are another span's, so may be the rest.
--
-- Usually: attributes of two spans were mixed up between the client and the disk: a client that shares one
-- mutable map between spans, or a collector that merges them. In the sender, look for a span that is
-- changed from two tasks at once.
--
-- Not covered: changes of other attributes (see altered_spans, where the tags are right; where they are
-- not, the attributes are somebody else's), and rows that carry no tag of ours.
SELECT tier, file, row_number, trace_id, span_id, sent_by, key, expected, actual
FROM differences
WHERE column_name = 'attributes' AND kind = 'witness' AND key LIKE 'e2e.%'
UNION ALL
SELECT tier, file, row_number, trace_id, span_id, service_name AS sent_by, 'e2e.service' AS key,
       service_name AS expected, tagged_service AS actual
FROM unplanned_rows
WHERE tagged_service <> service_name AND resource_service = service_name
ORDER BY file, row_number, key
