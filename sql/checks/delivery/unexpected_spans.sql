-- Every stored span of a run was sent.
-- severity: error
-- needs: run
-- examines: stored rows
-- query: finding
--
-- Ids tell which run and which planned span a row claims to be. A row that names a place the plan
-- does not have, or an export that never started, was made up on the way: a damaged id, or traffic
-- that somebody else sent under ours. So was a row that carries a run's tag under other ids.
--
-- Usually: an id was damaged on its way to the disk (the span that it belonged to is lost, then), the same
-- plan was sent from another place, or the ledger of the run lacks lines that were once written. Compare
-- the row with the span nearest to it in its file.
--
-- Not covered: rows of runs whose folder is not here.
SELECT tier, file, row_number, service_name, trace_id, span_id, 'no such span in the plan' AS reason
FROM facts
WHERE run_known
UNION ALL
SELECT CASE WHEN n_cold > 0 THEN 'cold' ELSE 'wal' END, NULL, NULL, service_name, trace_id, span_id,
       'its export never started'
FROM delivery
WHERE outcome = 'not_started' AND n_found > 0
ORDER BY file, row_number, trace_id, span_id
