-- Rows that are stored under another service than the one that sent them, by both: as polluted_service_name
-- tells who sent a row.
SELECT sent_by, stored_as, count(*) AS rows
FROM (
    SELECT expected AS sent_by, actual AS stored_as FROM differences WHERE column_name = 'service_name'
    UNION ALL
    SELECT tagged_service, service_name
    FROM unplanned_rows
    WHERE tagged_service IS NOT NULL AND (tagged_service IS DISTINCT FROM service_name)
      AND ((resource_service IS DISTINCT FROM service_name) OR service_name IS NULL)
) moved
GROUP BY sent_by, stored_as
ORDER BY sent_by, stored_as
