-- The attributes that take the most room, by span name and key.
-- param: bytes (default 1024): values from so many bytes on
WITH pairs AS (
    SELECT service_name, name, attributes, unnest(json_object_keys(attributes)) AS key FROM spans
    WHERE octet_length(attributes) >= CAST($bytes AS BIGINT)
), sized AS (
    SELECT service_name, name, key, octet_length(json_as_text(attributes, key)) AS size FROM pairs
)
SELECT service_name, name, key, count(*) AS "values", max(size) AS largest, sum(size) AS total
FROM sized
WHERE size >= CAST($bytes AS BIGINT)
GROUP BY service_name, name, key
ORDER BY total DESC, service_name, name, key
