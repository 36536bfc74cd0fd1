-- A state store has each of its transitions once.
-- severity: error
-- examines: Junjo state stores
-- code: transition_sequence_duplicate
-- query: trace_spans
--
-- A state store numbers its transitions from 1 to the count of its owner, each once.
--
-- Usually: An event was copied into another row, or a number was changed.
--
-- Not covered: transitions that are absent (see junjo_lost_transitions and junjo_unrecorded_transitions), and SDKs up
-- to 0.64.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'sequence'
ORDER BY file, row_number, subject, actual
