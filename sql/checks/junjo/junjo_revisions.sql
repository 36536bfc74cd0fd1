-- Each revision of a state follows from the one before.
-- severity: error
-- examines: Junjo state stores
-- code: revision_discontinuity
-- query: trace_spans
--
-- A transition begins with the revision that the last one led to, and leads to the same or the next; the last one
-- leads to the revision of the owner.
--
-- Usually: A number was changed after it was sent.
--
-- Not covered: stores whose transitions are not all there, of which the first broken revision is reported alone, and
-- SDKs up to 0.64.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'revision'
ORDER BY file, row_number, subject, actual
