-- A span is stored once.
-- severity: error
-- examines: stored rows
--
-- The studio never looks for duplicates when it writes, and removes them when it reads only while
-- both tiers are registered. The cause tells where they came from: `within_file`, the span was sent
-- or appended twice; `reflushed`, two cold files hold it, as after a crash between a flush's rename
-- and its deletes; `overlap`, a cold file and a segment hold it, and the segment stays.
--
-- Not covered: copies in the hot snapshot, which is a copy by design, and in files that could not be
-- read to their end.
WITH copies AS (
    SELECT trace_id, span_id, tier, file, row_number FROM sightings -- copies of planned spans
    UNION ALL
    SELECT f.trace_id, f.span_id, f.tier, f.file, f.row_number
    FROM facts f JOIN files USING (tier, file)
    WHERE files.health <> 'flushed'
)
SELECT trace_id, span_id, count(*) AS copies,
       CASE WHEN count(DISTINCT tier) > 1 THEN 'overlap'
            WHEN count(DISTINCT file) > 1 THEN 'reflushed'
            ELSE 'within_file' END AS cause,
       min(file) AS first_file, max(file) AS last_file, max(row_number) AS row_number
FROM copies
GROUP BY trace_id, span_id
HAVING count(*) > 1
ORDER BY first_file, row_number, trace_id, span_id
