-- What is wrong with one file, and how many acked spans it may hold.
-- param: file: the file, relative to the spans folder, or the end of its path
SELECT tier, file, size, health, problem, rows, schema_version, named_at, modified_at, misplaced, expected_place
FROM files
WHERE ends_with(file, $file)
ORDER BY file;

-- acked spans that were found nowhere else and may be in it
SELECT run, service_name, unread_file, count(*) AS spans, min(export_ended_at) AS first_ack, max(export_ended_at) AS last_ack
FROM delivery
WHERE outcome = 'acked' AND n_found = 0 AND ends_with(unread_file, $file)
GROUP BY run, service_name, unread_file
ORDER BY run, service_name
