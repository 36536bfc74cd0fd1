-- All transitions of a state store are stored, where all known spans are.
-- severity: warn
-- needs: store
-- examines: Junjo state stores
-- code: transition_sequence_gap
-- query: trace_spans
--
-- A state store numbers its transitions from 1, and its owner counts them. Where all known spans are stored, an absent
-- transition was not recorded by the program, or was removed from a row.
--
-- Usually: State was changed where no recording span was current: in another thread, or below a span that was not
-- sampled. If the program does neither, events were removed from the rows.
--
-- Not covered: executions with missing spans (see junjo_lost_transitions), spans that dropped events (see
-- junjo_known_defects), stores with a file that could not be read to its end, and SDKs up to 0.64.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'transitions_unrecorded' AND settled
  AND (SELECT count(*) FROM files WHERE health IN ('unreadable', 'torn', 'empty', 'not read') AND tier <> 'hot') = 0
ORDER BY file, row_number, subject, actual
