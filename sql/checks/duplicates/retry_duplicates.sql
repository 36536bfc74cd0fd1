-- A span whose export was tried again is stored once, too.
-- severity: info
-- needs: run
-- examines: retried spans
-- query: duplicates_by_file
--
-- An attempt without an answer may have been stored, and the studio does not look for duplicates: a retry then stores
-- its spans once more. At-least-once delivery has that price; the studio shows such spans once or twice, depending on
-- the tier.
--
-- Usually: A client gave up on a slow answer and sent its export again. Allow exports more time, or send smaller ones;
-- apart from being counted twice, the copies do no harm.
--
-- Not covered: whether a copy came from a retry or, among as many copies as attempts, from an interrupted flush. A
-- refused attempt explains no copy (see duplicate_spans).
SELECT trace_id, span_id, copies, attempts, attempts - sent AS refusals, first_file, first_row_number, tier, file,
       row_number
FROM duplicated_spans -- one row per span that is stored more than once
WHERE attempts IS NOT NULL AND copies BETWEEN 2 AND sent AND NOT copies_differ
ORDER BY file, row_number, trace_id, span_id
