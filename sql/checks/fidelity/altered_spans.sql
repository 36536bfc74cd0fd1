-- A stored span has the values that it was sent with.
-- severity: error
-- needs: run
-- examines: planned rows
-- query: around_row
--
-- Every column is compared with the row that the plan calls for; JSON is compared by value, so that
-- order and spacing do not count. Parquet as the studio writes it carries no checksums: a flipped
-- bit is found here or nowhere.
--
-- Usually: one altered value in a row is a flipped bit of the disk or of memory: compare the file with its
-- backup. The same column in every row is a mapping that changed with a version of the studio, or a
-- collector in between that edits spans (a processor that redacts, cuts or adds attributes).
--
-- Not covered: what the store's schema cannot hold (instrumentation scope, schema URLs, and in
-- schema 1 the seven columns that it lacks), and differences that are pollution.
SELECT tier, file, row_number, trace_id, span_id, sent_by, column_name, key, expected, actual
FROM differences
WHERE kind = 'content'
ORDER BY file, row_number, column_name, key
