-- Every row of the hot snapshot is a copy of a row of the WAL.
-- severity: error
-- needs: store
-- examines: hot snapshots
-- query: around_row
--
-- The studio shows the snapshot in place of the WAL. A row is in it as often as in segments with the same content, or
-- in the cold files that a flush has made of them since; one more was changed, or made up. `cause` tells which:
-- `changed_in_wal` and `changed_in_cold`, the span is there with other content; `extra_copy`, the other tiers hold the
-- row less often; `nowhere`, they do not hold the span.
--
-- Usually: A segment was damaged, changed or removed after the snapshot was made, or the snapshot was. An audit with
-- the run tells which of the two is right.
--
-- Not covered: rows that a flush has moved to a cold file since (see stale_hot_snapshot), rows that a file which could
-- not be read to its end may hold, and which of the two is right.
SELECT tier, file, row_number, trace_id, span_id, cause
FROM snapshot_rows
WHERE cause IN ('changed_in_wal', 'changed_in_cold')
   OR (SELECT count(*) FROM files WHERE tier <> 'hot' AND health IN ('unreadable', 'torn', 'empty', 'not read')) = 0
ORDER BY file, row_number
