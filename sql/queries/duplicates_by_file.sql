-- Files that share spans, and how many.
--
-- A file beside itself holds a span more than once; a cold file beside a segment looks like a flush whose deletes
-- did not happen. The hot snapshot is a copy and left out.
WITH held AS (
    SELECT trace_id, span_id, tier, file, count(*) AS copies
    FROM stored_spans
    WHERE tier <> 'hot'
    GROUP BY trace_id, span_id, tier, file
), duplicated AS (
    SELECT trace_id, span_id FROM held GROUP BY trace_id, span_id HAVING sum(copies) > 1
), theirs AS (
    SELECT held.* FROM held JOIN duplicated USING (trace_id, span_id)
)
SELECT one.tier, one.file, other.tier AS other_tier, other.file AS other_file, count(*) AS shared_spans
FROM theirs one
JOIN theirs other ON one.trace_id = other.trace_id AND one.span_id = other.span_id
WHERE one.file < other.file OR (one.file = other.file AND one.copies > 1)
GROUP BY one.tier, one.file, other.tier, other.file
ORDER BY one.file, other.file
