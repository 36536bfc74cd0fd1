-- The hot snapshot shows what the WAL holds.
-- severity: info
-- needs: store
-- examines: hot snapshots
-- query: file_health
--
-- A snapshot is made when somebody asks for it, and a flush does not remove it: its rows are then in a cold file,
-- too, and the studio's view takes the cold ones. Spans that came later are missing in it until the next.
--
-- Usually: Nothing is wrong: a flush or new spans came after the last snapshot. PrepareHotSnapshot makes a new one.
--
-- Not covered: how old the snapshot is where nothing came after it.
SELECT tier, file, rows, flushed_rows, lacking_rows, modified_at
FROM files
WHERE tier = 'hot' AND (flushed_rows > 0 OR lacking_rows > 0)
ORDER BY file
