-- A Junjo span has the ids of its kind.
-- severity: error
-- examines: Junjo executions
-- code: required_identity_missing
-- query: trace_spans
--
-- An execution has a definition, a runtime and a structural id; those of a node are the same for definition and
-- runtime. The members of an execution are of one contract version, and agents and their operations share their key.
--
-- Usually: An attribute was removed or changed after it was sent. The studio rejects contract versions that it does
-- not know.
--
-- Not covered: whether an id is that of the right execution (see junjo_parents), and rows of known runs.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind IN ('identity', 'contract')
ORDER BY file, row_number, subject, actual
