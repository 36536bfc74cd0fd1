-- No acked span is still on its way to a file.
-- needs: run
-- examines: acked spans
-- finding: inconclusive
-- query: missing_spans
--
-- The studio answers OK when spans are in memory. An absent span without a barrier behind its ack may still be
-- written; it cannot be called lost yet. Nor can one that was acked while a flush or a snapshot was under way, or had
-- ended within the settle time: the studio flushes in the loop of its timer, which waits meanwhile.
--
-- Usually: The audit ran too early: the spans are in the studio's memory, which a timer writes out every 3 s. Call
-- FlushWAL, or audit again without `--no-wait`. If they stay pending, the WAL is blocked (see wedged_wal,
-- torn_segments), or the clocks of the two machines differ.
--
-- Not covered: whether the span will be written. Audit again, or call FlushWAL first.
SELECT service_name, workflow, span, trace_id, span_id, export_ended_at AS acked_at
FROM delivery
WHERE outcome = 'acked' AND n_found = 0 AND NOT behind_barrier
ORDER BY acked_at, trace_id, span_id
