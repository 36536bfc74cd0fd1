-- The running studio can flush every segment of the WAL.
-- severity: error
-- examines: segments
-- query: file_health
--
-- A flush or snapshot reads all segments, oldest first, and stops at the first one that does not decode: nothing
-- reaches a cold file any more, and the WAL grows. Studio 0.82 cannot write segments of the older schema either; any
-- later file of the newer schema shows that a newer studio is running.
--
-- Usually: The process was killed or the disk was full while it wrote a segment (`torn`), the machine lost power
-- (`empty`), or the studio was upgraded before its WAL was flushed (`older schema`). Stop the studio, move the segment
-- out of the WAL folder, and start it again; rows that can be read can be sent again.
--
-- Not covered: an upgrade after which nothing has been written yet, and segments that lack only their end marker,
-- which the studio accepts (see torn_segments).
SELECT segment.tier, segment.file, segment.size, segment.rows, segment.named_at,
       CASE WHEN segment.health = 'empty' THEN 'empty'
            WHEN NOT segment.decodes THEN 'torn'
            ELSE 'older schema' END AS cause,
       segment.problem,
       (SELECT count(*) FROM files WHERE tier = 'wal' AND health IN ('ok', 'torn', 'empty', 'unreadable')) AS segments_blocked
FROM files segment
WHERE segment.tier = 'wal' AND segment.health IN ('ok', 'torn', 'empty', 'unreadable')
  AND (NOT segment.decodes
       OR (segment.schema_version = 1
           AND segment.named_at < (SELECT max(named_at) FROM files WHERE schema_version = 2)))
ORDER BY segment.file
