-- All transitions of a state store are stored, where spans are missing.
-- severity: error
-- needs: store
-- examines: Junjo state stores
-- code: transition_sequence_gap
-- query: trace_spans
--
-- A state store numbers its transitions from 1, and its owner counts them. They are events of spans. Transitions that
-- are absent from all traces, while spans of the execution are missing, are lost with these spans.
--
-- Usually: The same loss as that of the spans; see junjo_missing_executions and junjo_missing_operations.
--
-- Not covered: executions of which no span is known to be missing (see junjo_unrecorded_transitions), stores with a
-- file that could not be read to its end, and SDKs up to 0.64, which number nothing.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'transitions_lost' AND settled
  AND (SELECT count(*) FROM files WHERE health IN ('unreadable', 'torn', 'empty', 'not read') AND tier <> 'hot') = 0
ORDER BY file, row_number, subject, actual
