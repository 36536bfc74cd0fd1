-- A span is stored once.
-- severity: error
-- examines: stored rows
-- query: duplicates_by_file
--
-- The studio never looks for duplicates when it writes, and removes them when it reads only while
-- both tiers are registered. The cause tells where they came from: `within_file`, the span was sent
-- or appended twice; `several_segments`, the same, with a segment written in between; `reflushed`, two
-- cold files hold it, as after a crash between a flush's rename and its deletes; `overlap`, a cold
-- file and a segment hold it, and the segment stays; `conflicting`, its copies are not equal.
--
-- Usually: the studio was killed between writing a cold file and deleting the segments that went into it
-- (`overlap`), and the next flush wrote the same segments once more (`reflushed`). `within_file` and
-- `several_segments` point to the sender: a client or a collector that sends again what was taken. The
-- studio shows one of the copies while both tiers are registered, and all of them otherwise; a file all of
-- whose rows lie in another one, too, can be taken away.
--
-- Not covered: equal copies of a span whose export was attempted as often without a refusal (see
-- retry_duplicates), copies in the hot snapshot, which is a copy by design, in files that could not be
-- read to their end, and of rows without ids.
WITH copies AS (
    SELECT trace_id, span_id, tier, file, row_number, attempts - refusals AS sent, coalesce(differing, '') AS content
    FROM sightings -- copies of planned spans
    UNION ALL
    SELECT trace_id, span_id, tier, file, row_number, NULL, ''
    FROM facts -- rows that no known plan calls for
    WHERE trace_id <> '' AND span_id <> ''
), doubled AS (
    SELECT trace_id, span_id FROM copies GROUP BY trace_id, span_id
    HAVING count(*) > 1 AND (count(*) > coalesce(max(sent), 1) OR min(content) <> max(content))
)
SELECT trace_id, span_id, count(*) AS copies,
       CASE WHEN min(content) <> max(content) THEN 'conflicting'
            WHEN count(DISTINCT tier) > 1 THEN 'overlap'
            WHEN count(DISTINCT file) = 1 THEN 'within_file'
            WHEN min(tier) = 'cold' THEN 'reflushed'
            ELSE 'several_segments' END AS cause,
       first_value(file ORDER BY file, row_number) AS first_file,
       first_value(row_number ORDER BY file, row_number) AS first_row_number,
       last_value(tier ORDER BY file, row_number) AS tier,
       last_value(file ORDER BY file, row_number) AS file,
       last_value(row_number ORDER BY file, row_number) AS row_number
FROM doubled JOIN copies USING (trace_id, span_id)
GROUP BY trace_id, span_id
ORDER BY file, row_number, trace_id, span_id
