-- Every segment of the WAL can be flushed by the studio that runs now.
-- severity: error
-- examines: segments
-- query: file_contents
--
-- Studio 0.82 cannot write segments of the older schema: one that was left in the WAL by an upgrade
-- makes every flush and snapshot fail, so nothing reaches a cold file any more and the WAL grows. That
-- a newer studio is at work shows in any file of the newer schema that was named later.
--
-- Usually: the studio was upgraded from 0.80 or 0.81 to 0.82 before its WAL was flushed. Stop it, move the
-- segments named here out of `wal`, start it, and call FlushWAL. To keep their spans, start the older
-- studio on those segments once, and flush it.
--
-- Not covered: an upgrade after which nothing was written yet, and segments that are torn or empty,
-- which wedge the WAL, too (see torn_segments).
SELECT segment.file, segment.size, segment.rows, segment.named_at,
       (SELECT count(*) FROM files WHERE tier = 'wal' AND health <> 'flushed') AS segments_blocked
FROM files segment
WHERE segment.tier = 'wal' AND segment.health = 'ok' AND segment.schema_version = 1
  AND segment.named_at < (SELECT max(named_at) FROM files WHERE schema_version = 2)
ORDER BY segment.file
