-- A stored span has the values that it was sent with.
-- severity: error
-- needs: run
-- examines: planned rows
-- query: around_row
--
-- Every column is compared with the planned row; JSON is compared by value, regardless of order and spacing. The
-- studio's Parquet files have no checksums: a flipped bit is found here or nowhere.
--
-- Usually: A single value in a single file is damage on disk or in memory. The same column in every row is a change of
-- the studio's mapping: compare its version with the schema of the file.
--
-- A row of a replay whose source is gone or has changed is known to differ, but not in which column: its cause is
-- `source_unavailable`.
--
-- Not covered: what the schema of the store cannot hold (see declared_losses), parents (see orphan_spans), and
-- differences that are pollution.
SELECT tier, file, row_number, trace_id, span_id, sent_by, column_name, key, cause, expected, actual
FROM differences
WHERE kind = 'content' AND column_name IS DISTINCT FROM 'parent_span_id'
ORDER BY file, row_number, column_name, key
