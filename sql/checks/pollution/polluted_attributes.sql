-- A span has the tags that it was sent with.
-- severity: error
-- scope: trace
-- examines: rows with witnesses
-- query: around_row
--
-- The tags `e2e.run`, `e2e.service`, `e2e.workflow` and `e2e.span` identify the span of the attributes. If they are
-- those of another span, the other attributes may be, too.
--
-- Usually: The attributes of two spans were mixed up between client and disk: a client that shares one mutable map
-- between spans, or a collector that merges them. In the sender, look for a span that two tasks change at the same
-- time.
--
-- Not covered: changes of other attributes (see altered_spans if the tags are right; if they are not, the attributes
-- are those of another span), and rows without e2e-store's tags.
SELECT tier, file, row_number, trace_id, span_id, sent_by, key, expected, actual
FROM differences
WHERE column_name = 'attributes' AND kind = 'witness' AND key LIKE 'e2e.%'
UNION ALL
SELECT tier, file, row_number, trace_id, span_id, service_name AS sent_by, 'e2e.service' AS key,
       service_name AS expected, tagged_service AS actual
FROM unplanned_rows
WHERE tagged_service <> service_name AND resource_service = service_name
ORDER BY file, row_number, key
