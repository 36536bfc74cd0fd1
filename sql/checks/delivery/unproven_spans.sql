-- No acked span is absent while a file that could not be read may hold it.
-- needs: run
-- examines: acked spans
-- finding: inconclusive
-- query: span
--
-- A damaged file hides its rows. Spans that were sent before the file was named and were found nowhere else may be in
-- it; whether they are lost depends on what can be recovered from that file.
--
-- Usually: A crash or a full disk damaged one file, and these spans were sent shortly before it was written. Restore
-- the file from a backup, or accept its rows as lost: see unreadable_files and torn_segments.
--
-- Not covered: which of several damaged files holds the span; the first one that was named after the export is
-- reported.
SELECT unread_file, service_name, workflow, span, trace_id, span_id, export_ended_at AS acked_at
FROM delivery
WHERE outcome = 'acked' AND n_found = 0 AND behind_barrier AND maybe_unread
ORDER BY unread_file, acked_at, trace_id, span_id
