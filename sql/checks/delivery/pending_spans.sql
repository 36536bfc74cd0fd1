-- No acked span is still on its way to a file.
-- needs: run
-- examines: acked spans
-- finding: inconclusive
-- query: missing_spans
--
-- The studio answers OK when spans are in memory. One that is absent and has no barrier behind its
-- ack may be written yet; nobody can say that it is lost.
--
-- Usually: the audit came too soon: the spans are in the studio's memory, which a timer of 3 s empties.
-- Call FlushWAL, or audit again without `--no-wait`. Where they stay pending, the WAL is wedged (see
-- wedged_wal, torn_segments), or the clocks of both machines differ.
--
-- Not covered: whether it will be written. Audit again, or call FlushWAL first.
SELECT service_name, workflow, span, trace_id, span_id, export_ended_at AS acked_at
FROM delivery
WHERE outcome = 'acked' AND n_found = 0 AND NOT behind_barrier
ORDER BY acked_at, trace_id, span_id
