-- Every stored span of a run was sent.
-- severity: error
-- needs: run
-- examines: stored rows
--
-- Ids tell which run and which planned span a row claims to be. A row that names a place the plan does not have,
-- or an export that never started, was made up on the way: a damaged id, or traffic that somebody else sent under
-- ours. So was a row that carries a run's tag under other ids.
--
-- Usually: An id was damaged in the file, and the span that it belongs to is lost; or the ledger is not this run's.
-- The row says by its other columns what it was.
--
-- Not covered: rows of runs whose folder is not here.
SELECT tier, file, row_number, service_name, trace_id, span_id, 'no such span in the plan' AS reason
FROM unplannable_rows
UNION ALL
SELECT CASE WHEN n_cold > 0 THEN 'cold' ELSE 'wal' END, NULL, NULL, service_name, trace_id, span_id,
       'its export never started'
FROM delivery
WHERE outcome = 'not_started' AND n_found > 0
ORDER BY file, row_number, trace_id, span_id
