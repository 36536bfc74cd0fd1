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
SELECT trace_id, span_id, count(*) AS copies, max(attempts) AS attempts, max(refusals) AS refusals,
       first_value(file ORDER BY file, row_number) AS first_file,
       first_value(row_number ORDER BY file, row_number) AS first_row_number,
       last_value(tier ORDER BY file, row_number) AS tier,
       last_value(file ORDER BY file, row_number) AS file,
       last_value(row_number ORDER BY file, row_number) AS row_number
FROM planned_copies -- copies of planned spans that were found more than once
GROUP BY trace_id, span_id
HAVING count(*) BETWEEN 2 AND max(attempts - refusals) AND count(DISTINCT coalesce(differing, '')) = 1
ORDER BY file, row_number, trace_id, span_id
