-- A state store and its transitions have all their parts.
-- severity: error
-- examines: Junjo state stores
-- code: invalid_store_transition
-- query: trace_spans
--
-- An owner carries its first and last state, its revisions and its count, a transition its id, action, numbers and
-- patch; payloads carry their mode and policy, the same for all of a store. A store has one name and one owner, and a
-- subflow names the store of the flow above it.
--
-- Usually: An attribute was removed or changed, or a row was copied under a new span id.
--
-- Not covered: the content of states and patches (see junjo_replays), and SDKs up to 0.64.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind IN ('slot', 'store_fact', 'event_fact', 'store_name', 'store_owners', 'parent_store')
ORDER BY file, row_number, subject, actual
