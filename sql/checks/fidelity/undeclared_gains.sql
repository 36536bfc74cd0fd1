-- What the store cannot hold is stored as declared.
-- severity: error
-- needs: run
-- examines: planned rows
-- query: around_row
--
-- A value that the mapping turns into another form (bytes into hex text, NaN into null, a repeated key into its last
-- value) is there in a third. Then somebody else wrote the row, or the studio has changed its mapping.
--
-- Usually: The studio is newer than this tool. Compare its storage contract, and say so in an issue of this tool.
--
-- Not covered: values inside events, links and resources, which are compared as a whole (see altered_spans).
SELECT tier, file, row_number, trace_id, span_id, sent_by, column_name, key, expected, actual
FROM differences
WHERE kind = 'declared'
ORDER BY file, row_number, column_name, key
