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
WITH copies AS (
    SELECT trace_id, span_id, count(*) AS copies, count(*) FILTER (WHERE tier = 'wal') AS wal_copies,
           count(DISTINCT file) AS files, count(DISTINCT coalesce(differing, '')) > 1 AS copies_differ,
           coalesce(max(attempts - refusals), 1) AS sent,
           first_value(file ORDER BY file, row_number) AS first_file,
           first_value(row_number ORDER BY file, row_number) AS first_row_number,
           last_value(tier ORDER BY file, row_number) AS tier,
           last_value(file ORDER BY file, row_number) AS file,
           last_value(row_number ORDER BY file, row_number) AS row_number
    FROM sightings -- copies of planned spans
    GROUP BY trace_id, span_id
    UNION ALL
    SELECT trace_id, span_id, copies, wal_copies, CASE WHEN first_file = file THEN 1 ELSE 2 END, copies_differ, 1,
           first_file, first_row_number, tier, file, row_number
    FROM facts -- rows that no known plan calls for
    WHERE copies > 1 AND is_last_copy
)
SELECT trace_id, span_id, copies, first_file, first_row_number, tier, file, row_number
FROM copies
WHERE copies > 1 AND copies_differ
ORDER BY file, row_number, trace_id, span_id
