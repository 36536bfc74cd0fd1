-- Every acked span is stored.
-- severity: error
-- needs: run
-- examines: settled spans
-- query: missing_spans
--
-- A full success is the studio's promise for every span of an export. Spans may stay in memory for a while, so an
-- absence is a loss only behind a barrier: a flush or snapshot that began after the ack and succeeded, or more time
-- than the WAL timer needs, without a flush that held it back.
--
-- Usually: The ingestion process ended, by SIGTERM or a crash, before the acked spans in its memory reached a segment:
-- it writes nothing on shutdown. If the findings are consecutive in time, look for a restart at the first minute; if
-- they amount to one file, a cold file or a segment was removed. Stop the clients and call FlushWAL before a restart.
--
-- Not covered: spans that may be in a file which could not be read (see unproven_spans), and spans whose export did
-- not end in an ack.
SELECT service_name, workflow, span, trace_id, span_id, export_ended_at AS acked_at
FROM delivery -- one row per planned span: its export's outcome, and how often it was found where
WHERE outcome = 'acked' AND n_found = 0 AND behind_barrier AND NOT maybe_unread
ORDER BY acked_at, trace_id, span_id
