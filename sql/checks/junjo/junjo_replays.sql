-- The patches of a state store lead from its first state to its last.
-- severity: error
-- examines: Junjo state stores
-- code: patch_replay_mismatch
-- query: trace_spans
--
-- Each transition carries a JSON patch (RFC 6902). Applied in order to the first state they give the last one: numbers
-- are compared by value, and a number never equals a boolean. The finding names the first place that differs.
--
-- Usually: A patch or a state was changed after it was sent.
--
-- Not covered: stores whose transitions are not all there or whose payloads were not exported in full, programs that
-- report that their state cannot be reconstructed (see junjo_known_defects), and SDKs up to 0.64.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'replay'
ORDER BY file, row_number, subject, actual
