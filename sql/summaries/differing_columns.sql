SELECT column_name, kind, count(*) AS differences
FROM differences
GROUP BY column_name, kind
ORDER BY column_name, kind
