-- Copies of a span are equal.
-- severity: error
-- scope: trace
-- examines: stored rows
-- query: duplicates_by_file
--
-- An id identifies one span. Of two different rows with one id the studio shows one, depending on tier and chance.
--
-- Usually: One of the copies was damaged after it was written: with a run, altered_spans says which; without one,
-- compare the two rows. Or a client reuses ids.
--
-- Not covered: copies in the hot snapshot (see snapshot_differs_from_wal), and differences that the digest of an
-- unplanned row does not show: a chance of 1 in 10^19.
SELECT trace_id, span_id, copies, first_file, first_row_number, tier, file, row_number
FROM duplicated_spans -- one row per span that is stored more than once
WHERE copies > 1 AND copies_differ
ORDER BY file, row_number, trace_id, span_id
