-- One export of a run, and what became of its spans.
-- param: run: the run's id
-- param: export: the number of the export, as `exports` and `delivery` have it
SELECT run, export, service_name, first_ordinal, spans, started_at, ended_at, outcome, code, rejected_spans, attempts,
       refusals, n_found, behind_barrier, maybe_unread
FROM exports
WHERE run = $run AND export = CAST($export AS BIGINT);

-- its spans
SELECT service_name, workflow, span, trace_id, span_id, outcome, n_cold, n_wal, unread_file
FROM delivery
WHERE run = $run AND export = CAST($export AS BIGINT)
ORDER BY workflow, span
