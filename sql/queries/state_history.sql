-- How the state of a workflow or an agent changed, write by write.
-- param: trace: a trace id, or its beginning
--
-- One row per set_state event of the trace, by store and sequence. A gap in sequence, or a revision that
-- does not follow the one before, is a lost event; the patch is RFC 6902.
WITH events AS (
    SELECT trace_id, span_id, name AS span, unnest(json_get_array(events)) AS event
    FROM spans
    WHERE starts_with(trace_id, $trace)
), writes AS (
    SELECT trace_id, span_id, span, json_get_json(event, 'attributes') AS written,
           CAST(json_as_text(event, 'timeUnixNano') AS BIGINT) AS at
    FROM events
    WHERE json_as_text(event, 'name') = 'set_state'
)
SELECT trace_id, written ->> 'junjo.store.name' AS store, written ->> 'junjo.store.id' AS store_id,
       CAST(written ->> 'junjo.store.transition.sequence' AS BIGINT) AS sequence,
       CAST(written ->> 'junjo.store.revision.before' AS BIGINT) AS revision_before,
       CAST(written ->> 'junjo.store.revision.after' AS BIGINT) AS revision_after,
       span, span_id, written ->> 'junjo.store.action' AS action, fmt_time(at) AS written_at,
       coalesce(written ->> 'junjo.state_json_patch', '') AS patch
FROM writes
ORDER BY trace_id, store_id, sequence, at
