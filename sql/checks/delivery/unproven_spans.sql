-- No acked span is absent where a file that could not be read may hold it.
-- needs: run
-- examines: acked spans
-- finding: inconclusive
-- query: span
--
-- A damaged file hides its rows. Spans that were sent before it was named, and were found nowhere
-- else, may be among them; whether they are lost depends on what can be rescued from that file.
--
-- Usually: a crash or a full disk left one file damaged, and these spans were sent shortly before it was
-- written. Restore the file from a backup, or accept what it held as gone: see what unreadable_files and
-- torn_segments say of it.
--
-- Not covered: which of several damaged files it is; the one named soonest after the export is shown.
SELECT unread_file, service_name, workflow, span, trace_id, span_id, export_ended_at AS acked_at
FROM delivery
WHERE outcome = 'acked' AND n_found = 0 AND behind_barrier AND maybe_unread
ORDER BY unread_file, acked_at, trace_id, span_id
