-- Every acked span is stored.
-- severity: error
-- needs: run
-- examines: settled spans
-- query: missing_spans
--
-- Full success is the studio's promise for all spans of an export. They may sit in memory for a
-- while, so only an absence behind a barrier is a loss: a flush or a snapshot that began after the
-- ack and succeeded, or more time than the WAL timer needs.
--
-- Usually: the ingestion process ended, by SIGTERM or a crash, before what it had acked in memory reached a
-- segment: it writes nothing out on its way down. Where the findings follow each other in time, look for a
-- restart at the first minute; where they are one file's worth, a cold file or a segment was removed. Stop
-- clients and call FlushWAL before a restart.
--
-- Not covered: spans that a file which could not be read may hold (see unproven_spans), and spans
-- whose export ended in anything but an ack.
SELECT service_name, workflow, span, trace_id, span_id, export_ended_at AS acked_at
FROM delivery -- one row per planned span: its export's outcome, and how often it was found where
WHERE outcome = 'acked' AND n_found = 0 AND behind_barrier AND NOT maybe_unread
ORDER BY acked_at, trace_id, span_id
