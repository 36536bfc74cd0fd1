-- Every row of the hot snapshot is a copy of a row of the WAL.
-- severity: error
-- needs: store
-- examines: hot snapshots
-- query: around_row
--
-- The studio shows the snapshot in place of the WAL. A row that has no equal in a segment, or in a cold file of a
-- later flush, was changed or does not come from the WAL.
--
-- Usually: A segment was damaged, changed or removed after the snapshot was made, or the snapshot was. An audit with
-- the run tells which of the two is right.
--
-- Not covered: rows that a flush has moved to a cold file since (see stale_hot_snapshot), rows that may be in a
-- segment which could not be read to its end, and which of the two is right.
SELECT tier, file, row_number, trace_id, span_id,
       CASE WHEN is_changed THEN 'the WAL has it with another content' ELSE 'it is in no other tier' END AS cause
FROM snapshot_rows
WHERE is_changed
   OR (SELECT count(*) FROM files WHERE tier = 'wal' AND health IN ('unreadable', 'torn', 'empty', 'not read')) = 0
ORDER BY file, row_number
