-- No acked span is still on its way to a file.
-- severity: error
-- needs: run
-- examines: acked spans
-- finding: inconclusive
--
-- The studio answers OK when spans are in memory. One that is absent and has no barrier behind its
-- ack may be written yet; nobody can say that it is lost.
--
-- Not covered: whether it will be written. Audit again, or call FlushWAL first.
SELECT service_name, workflow, span, trace_id, span_id, acked_at
FROM delivery
WHERE outcome = 'acked' AND n_found = 0 AND NOT behind_barrier
ORDER BY acked_at, trace_id, span_id
