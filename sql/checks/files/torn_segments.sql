-- Every segment of the WAL is whole.
-- severity: error
-- examines: segments
-- query: file_health
--
-- Rows before the damage were read and are judged; what followed is gone. A segment without its end marker may
-- be cut between two messages, which no reader calls an error.
--
-- Usually: The process was killed while it wrote, or the disk was full. What still reads can be sent again; whether
-- the segment blocks the studio says wedged_wal.
--
-- Not covered: segments without a single byte (see empty_files), and whole ones that a newer studio cannot flush
-- because an older one wrote them (see wedged_wal).
SELECT tier, file, size, rows AS rows_read, problem
FROM files
WHERE health = 'torn'
ORDER BY file
