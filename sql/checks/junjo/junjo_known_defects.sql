-- No known defect of the SDK shows.
-- severity: info
-- examines: Junjo executions
-- code: reconstructable_claim_mismatch
-- query: trace_spans
--
-- Some versions of the SDK record what cannot be reconstructed, with nothing lost in the store: B1, a change that
-- Python calls none (`True` over `1`) is written as a patch while the state stays; B2, a span keeps 128 events and
-- drops the oldest; B3, the studio ignores transitions on spans of other libraries; B4, a node that ends the process
-- looks completed and is not counted; B12, up to 0.67 a caller could change a state that it had given away.
--
-- Usually: Nothing is wrong with the store. The studio may show the workflow as partial, or a state that never was.
--
-- Not covered: transitions that were never recorded (see junjo_unrecorded_transitions).
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind IN ('known_defect', 'reconstructable_claim')
ORDER BY file, row_number, subject, actual
