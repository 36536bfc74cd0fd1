-- Rows that are stored under the service that sent them: the diagonal beside moved_rows.
SELECT sent_by, sent_by AS stored_as, greatest(sum(rows), 0) AS rows
FROM (
    SELECT service_name AS sent_by, sum(n_found) AS rows FROM delivery WHERE n_found > 0 GROUP BY service_name
    UNION ALL
    SELECT expected, -count(*)
    FROM runs JOIN differences ON runs.run = differences.run AND runs.judged -- delivery has judged runs only
    WHERE column_name = 'service_name'
    GROUP BY expected
    UNION ALL
    SELECT tagged_service, count(*) FROM unplanned_rows WHERE tagged_service = service_name GROUP BY tagged_service
) stayed
GROUP BY sent_by
ORDER BY sent_by
