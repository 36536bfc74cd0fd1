-- Every segment of the WAL is whole.
-- severity: error
-- examines: segments
-- query: file_health
--
-- Rows before the damage were read and are audited; the rest of the segment is lost. A segment without its end marker
-- may be cut between two messages, which readers do not report as an error.
--
-- Usually: The process was killed while it wrote, or the disk was full. The rows that can be read can be sent again;
-- wedged_wal says whether the segment blocks the studio.
--
-- Not covered: segments of zero bytes (see empty_files), and complete segments of an older studio that a newer one
-- cannot flush (see wedged_wal).
SELECT tier, file, size, rows AS rows_read, problem
FROM files
WHERE health = 'torn'
ORDER BY file
