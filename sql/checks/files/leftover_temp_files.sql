-- No unfinished file is left behind.
-- severity: warn
-- examines: entries
-- query: file_health
--
-- The studio writes `.tmp` files and renames them when they are complete. A temporary file without a write for a
-- minute is left from a crash or a failed flush; the studio never reads or removes it.
--
-- Usually: Many small `.parquet.tmp` files mean that every flush fails (see wedged_wal): each attempt leaves one. A
-- single one is from a crash. They can be deleted while the studio is stopped.
--
-- Not covered: temporary files younger than a minute, which may be a write in progress, and copies of a store, in
-- which all files are as young as the copy.
SELECT tier, file, size, modified_at, age_seconds
FROM files
WHERE health = 'temporary' AND age_seconds > 60
ORDER BY tier, file
