-- The fingerprint of an agent follows from its definition.
-- severity: error
-- examines: Junjo agents
-- code: structural_identity_mismatch
-- query: trace_spans
--
-- An agent carries its definition. Its structural id, and that of each tool, is a digest of it (RFC 8785), so it can
-- be computed again.
--
-- Usually: The definition or an id was changed after it was sent.
--
-- Not covered: definitions with numbers in exponent form, and rows of known runs.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'definition'
ORDER BY file, row_number, subject, actual
