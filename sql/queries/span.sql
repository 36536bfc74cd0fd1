-- One span: its plan and the outcome of its export, and every stored copy.
-- param: span: the span id
--
-- Each statement answers one part; a span that no known run sent has no plan.
SELECT run, service_name, workflow, span, trace_id, span_id, outcome, export, export_ended_at, behind_barrier,
       n_cold, n_wal, altered, unread_file
FROM delivery
WHERE span_id = $span
ORDER BY run;

-- its stored copies
SELECT tier, file, row_number, service_name, name, trace_id, span_id, parent_span_id, start_time
FROM stored_spans
WHERE span_id = $span
ORDER BY tier, file, row_number
