-- Everything about one finding: what was found, its row and neighbours, its span by the plan, its export, flushes.
-- param: id: the finding's id, or its beginning
-- param: rows (default 3): how many neighbours to show before and after
--
-- Each statement answers one part; parts that do not apply are empty.
SELECT finding, check_name, severity, tier, file, row_number, service_name, trace_id, span_id, expected, actual, details
FROM findings
WHERE starts_with(finding, $id);

-- the row and its neighbours
SELECT CASE WHEN stored.row_number = found.row_number THEN '>' ELSE '' END AS here,
       stored.tier, stored.file, stored.row_number, stored.service_name, stored.name, stored.trace_id,
       stored.span_id, stored.start_time
FROM findings found
JOIN stored_spans stored ON stored.file = found.file
WHERE starts_with(found.finding, $id)
  AND stored.row_number BETWEEN found.row_number - CAST($rows AS BIGINT) AND found.row_number + CAST($rows AS BIGINT)
ORDER BY stored.file, stored.row_number;

-- the span by the plan, and what became of it
SELECT delivery.run, delivery.service_name, delivery.workflow, delivery.span, delivery.outcome, delivery.export,
       delivery.export_ended_at, delivery.behind_barrier, delivery.n_cold, delivery.n_wal, delivery.altered, delivery.unread_file
FROM findings found
JOIN delivery ON delivery.span_id = found.span_id
WHERE starts_with(found.finding, $id);

-- the export that carried it
SELECT exports.run, exports.export, exports.service_name, exports.first_ordinal, exports.spans, exports.started_at, exports.ended_at,
       exports.outcome, exports.code, exports.attempts, exports.refusals, exports.n_found
FROM findings found
JOIN delivery ON delivery.span_id = found.span_id
JOIN exports ON exports.run = delivery.run AND exports.export = delivery.export
WHERE starts_with(found.finding, $id)
ORDER BY exports.started_at;

-- flushes and snapshots of the run
SELECT calls.run, calls.rpc, calls.began, calls.ended, calls.success, calls.error
FROM findings found
JOIN calls ON calls.run = found.run
WHERE starts_with(found.finding, $id)
ORDER BY calls.began
