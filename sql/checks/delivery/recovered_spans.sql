-- No span without an answer is stored.
-- severity: info
-- needs: run
-- examines: unanswered spans
-- query: span
--
-- A timeout, a reset connection and INTERNAL leave open whether the spans were kept. The ones that were found are
-- recovered: a client that had sent them again would have made duplicates.
--
-- Usually: The studio was slow or restarted while the run was sent, and kept what it had received. Nothing is wrong.
--
-- Not covered: absent spans without an answer; no answer allows that.
SELECT service_name, workflow, span, trace_id, span_id, n_cold, n_wal
FROM delivery
WHERE outcome = 'indeterminate' AND n_found > 0
ORDER BY trace_id, span_id
