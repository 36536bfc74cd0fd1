-- A column that is never null holds a value.
-- severity: error
-- scope: trace
-- examines: rows judged by structure
-- query: around_row
--
-- The studio fills these columns for every span; its own queries take a null for zero, for empty text, or drop the row.
--
-- Usually: Another program wrote the file, or the bitmap of its nulls was damaged. With the run, the row is compared
-- with its plan (see altered_spans).
--
-- Not covered: ids (see malformed_ids), JSON columns (see invalid_json), columns that the file lacks, and rows of a
-- known run.
SELECT tier, file, row_number, service_name, trace_id, span_id, null_columns AS column_name
FROM unplanned_rows
WHERE null_columns IS NOT NULL
ORDER BY file, row_number
