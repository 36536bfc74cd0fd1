-- Cold files that the studio's pages do not find, and why.
SELECT file, state, cause, spans, traces, services, named_at AS flushed_at, error_type, error_message, failed_at, difference
FROM visible_files
WHERE state <> 'indexed'
ORDER BY named_at, file
