-- Copies of a span are equal.
-- severity: error
-- scope: trace
-- examines: stored rows
-- query: duplicates_by_file
--
-- One id has one content. Of two that differ, the studio shows one or the other, by tier and by chance.
--
-- Usually: One of the copies was damaged after it was written: altered_spans says which, where a run is at hand. Without
-- one, compare the two rows. Or a client reuses ids.
--
-- Not covered: copies in the hot snapshot (see snapshot_differs_from_wal), and differences within what the digest of a
-- row that no plan calls for does not see: a chance of 1 in 10^19.
SELECT trace_id, span_id, copies, first_file, first_row_number, tier, file, row_number
FROM duplicated_spans -- one row per span that is stored more than once
WHERE copies > 1 AND copies_differ
ORDER BY file, row_number, trace_id, span_id
