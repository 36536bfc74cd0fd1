-- No span without an answer is stored.
-- severity: info
-- needs: run
-- examines: unanswered spans
-- query: span
--
-- A timeout, a reset connection and INTERNAL leave it open whether spans were kept. Those that were found have
-- been recovered: a client that sent them again would have made duplicates.
--
-- Usually: The studio was slow or restarted while the run was sent, and kept what it was given. Nothing is wrong.
--
-- Not covered: spans without an answer that are absent; that is what no answer may mean.
SELECT service_name, workflow, span, trace_id, span_id, n_cold, n_wal
FROM delivery
WHERE outcome = 'indeterminate' AND n_found > 0
ORDER BY trace_id, span_id
