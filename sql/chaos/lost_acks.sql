-- No acked span is lost.
-- severity: info
-- needs: run
-- examines: settled spans
--
-- The same as lost_spans, by the time of the ack: what a fault is held against.
--
-- Usually: A fault of `chaos`.
--
-- Not covered: which spans they are (see lost_spans).
SELECT min(export_ended_at) AS acked_at, count(*) AS spans
FROM delivery
WHERE outcome = 'acked' AND n_found = 0 AND behind_barrier AND NOT maybe_unread
-- In steps that are short beside all that faults are told apart by.
GROUP BY date_bin(INTERVAL '20 milliseconds', export_ended_at)
ORDER BY acked_at
