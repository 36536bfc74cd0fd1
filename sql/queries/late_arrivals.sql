-- Spans that ended long before the file that holds them was made.
-- param: seconds (default 3600): how long before
--
-- A cold file is named after its flush, a segment after its writing. A span that ended an hour earlier was
-- kept back by its sender, sat in the WAL, or came with a wrong clock; one that ends after its file was
-- made (a negative lateness is not shown here) can only be the latter.
SELECT stored.service_name, stored.tier, stored.file, count(*) AS spans,
       fmt_duration(min(CAST(files.named_at AS BIGINT) - CAST(stored.end_time AS BIGINT))) AS least_late,
       fmt_duration(max(CAST(files.named_at AS BIGINT) - CAST(stored.end_time AS BIGINT))) AS most_late,
       min(stored.end_time) AS first_end, max(files.named_at) AS named_at
FROM stored_spans stored
JOIN files ON files.file = stored.file
WHERE CAST(files.named_at AS BIGINT) - CAST(stored.end_time AS BIGINT) > CAST($seconds AS BIGINT) * 1000000000
GROUP BY stored.service_name, stored.tier, stored.file
ORDER BY max(CAST(files.named_at AS BIGINT) - CAST(stored.end_time AS BIGINT)) DESC, stored.service_name, stored.file
