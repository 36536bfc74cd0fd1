-- The studio's indexer has given up no file that reads well.
-- severity: error
-- needs: index
-- examines: files
-- query: hidden_spans
--
-- A file that fails once is never tried again, restarts included: its spans are out of sight for ever, in every list and
-- by trace id. The cause is told from the recorded error: `database_locked`, another program held the index when it was
-- the file's turn; `attributes_not_an_object`, one row has attributes that are JSON and no object; `not_whole_then`, the
-- file was damaged or not whole then; `time_out_of_range`, a time that Python has no date for.
--
-- Usually: A cause that has passed. Stop the backend, delete the file's row from `failed_parquet_files` in
-- `sqlite/metadata.db`, and start it again. Where a row is at fault, the file fails again; send its other spans anew.
--
-- Not covered: files that do not read today either (see unreadable_files and empty_files).
SELECT 'cold' AS tier, file, cause, error_type, error_message, failed_at, spans, traces, services
FROM visible_files
WHERE state = 'failed'
ORDER BY file
