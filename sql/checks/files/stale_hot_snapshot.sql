-- The hot snapshot shows what the WAL holds.
-- severity: info
-- needs: store
-- examines: hot snapshots
-- query: file_health
--
-- A snapshot is made on request, and a flush does not remove it: its rows are then in a cold file, too, and the
-- studio's view takes the cold ones. Later spans are missing in it until the next snapshot.
--
-- Usually: Nothing is wrong: a flush or new spans came after the last snapshot. PrepareHotSnapshot makes a new one.
--
-- Not covered: the age of a snapshot that nothing followed.
SELECT tier, file, rows, flushed_rows, lacking_rows, modified_at
FROM files
WHERE tier = 'hot' AND (flushed_rows > 0 OR lacking_rows > 0)
ORDER BY file
