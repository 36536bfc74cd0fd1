-- An evaluation has one subject and at most one judge, of the same attempt.
-- severity: error
-- examines: Junjo evaluation spans
-- query: trace_spans
--
-- An orchestrator runs one subject and at most one judge or verifier. All of them carry the same data set, run, case,
-- attempt and source revision.
--
-- Usually: A row was copied or moved to another attempt, or an id was changed.
--
-- Not covered: evaluations whose orchestrator is not stored, and subjects that are missing (see
-- junjo_missing_subjects).
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'evaluation'
ORDER BY file, row_number, subject, actual
