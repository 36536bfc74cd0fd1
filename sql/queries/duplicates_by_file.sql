-- Files that share spans, and how many.
--
-- A file beside itself holds a span twice; a cold file beside a segment looks like a flush whose deletes
-- did not happen. The hot snapshot is a copy and left out.
WITH copies AS (
    SELECT trace_id, span_id, tier, file, row_number FROM stored_spans WHERE tier <> 'hot'
), doubled AS (
    SELECT trace_id, span_id FROM copies GROUP BY trace_id, span_id HAVING count(*) > 1
), theirs AS (
    SELECT copies.* FROM copies JOIN doubled USING (trace_id, span_id)
)
SELECT one.tier, one.file, other.tier AS other_tier, other.file AS other_file, count(*) AS shared_spans
FROM theirs one
JOIN theirs other ON one.trace_id = other.trace_id AND one.span_id = other.span_id
WHERE one.file < other.file OR (one.file = other.file AND one.row_number < other.row_number)
GROUP BY one.tier, one.file, other.tier, other.file
ORDER BY one.file, other.file
