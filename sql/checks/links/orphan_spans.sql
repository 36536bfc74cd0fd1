-- A span's parent is stored, too.
-- severity: error
-- needs: store
-- examines: stored rows
-- query: broken_parents
--
-- A trace with a missing parent cannot be drawn or summed up. For planned spans the plan knows the
-- parent, and a parent that was acked and is lost is the cause; for other traffic the parent is
-- looked for in the same trace. A parent is exported after its children, so a trace that has its root
-- is whole, and one without may still run: it is left alone for an hour.
--
-- Usually: where the parent is lost, see lost_spans: the parent ends last, so it is what a restart loses
-- first. Where no plan calls for the trace, the parent's own service has not exported it (it crashed, or
-- its exporter's queue was full), or a sampler dropped the parent and kept the child.
--
-- Not covered: parents in another process (the flag "remote parent"; where a file of schema 1 lacks
-- the flag, every span of a trace without a root), parents whose own fate is undecided, and all
-- traffic that no plan calls for while a file could not be read to its end.
WITH roots AS (
    SELECT DISTINCT trace_id FROM facts WHERE coalesce(parent_span_id, '0000000000000000') = '0000000000000000'
), latest AS (
    SELECT trace_id, bool_and(settled) AS settled, bool_and(an_hour_old) AS an_hour_old
    FROM facts GROUP BY trace_id
)
SELECT NULL AS tier, NULL AS file, NULL AS row_number, service_name, trace_id, span_id, parent_span_id,
       'parent lost' AS cause
FROM delivery
WHERE n_found > 0 AND parent_lost
UNION ALL
SELECT child.tier, child.file, child.row_number, child.service_name, child.trace_id, child.span_id,
       child.parent_span_id, 'parent absent'
FROM facts child
JOIN latest ON latest.trace_id = child.trace_id
LEFT JOIN roots ON roots.trace_id = child.trace_id
WHERE NOT child.run_known AND child.parent_span_id <> '0000000000000000' -- a parent of zeros is none
  AND CASE WHEN roots.trace_id IS NOT NULL THEN latest.settled AND child.parent_is_remote IS NOT TRUE
           ELSE latest.an_hour_old AND child.parent_is_remote IS FALSE END
  AND NOT EXISTS (
      SELECT 1 FROM facts parent
      WHERE parent.trace_id = child.trace_id AND parent.span_id = child.parent_span_id)
  AND (SELECT count(*) FROM files WHERE health IN ('unreadable', 'torn') AND tier <> 'hot') = 0
ORDER BY file, row_number, trace_id, span_id
