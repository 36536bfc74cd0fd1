-- Every stored span of a run was sent.
-- severity: error
-- needs: run
-- examines: stored rows
--
-- Ids encode the run and the planned span that a row claims to be. A row with a place that the plan does not have, or
-- of an export that never started, did not come from the generator: its id is damaged, or other traffic used the run's
-- ids. The same holds for a row with a run's tag under other ids.
--
-- Usually: An id was damaged in the file, and the span that it belongs to is lost; or the ledger is that of another
-- run. The other columns of the row show which span it was.
--
-- Not covered: rows of runs whose folder is not in the runs folder.
SELECT tier, file, row_number, service_name, trace_id, span_id, 'no such span in the plan' AS reason
FROM unplannable_rows
UNION ALL
SELECT CASE WHEN n_cold > 0 THEN 'cold' ELSE 'wal' END, NULL, NULL, service_name, trace_id, span_id,
       'its export never started'
FROM delivery
WHERE outcome = 'not_started' AND n_found > 0
ORDER BY file, row_number, trace_id, span_id
