-- What the store cannot hold is stored as declared.
-- severity: error
-- needs: run
-- examines: planned rows
-- query: around_row
--
-- The mapping turns some values into another form (bytes into hex text, NaN into null, a repeated key into its last
-- value); here the stored value has a third form. Another program wrote the row, or the studio changed its mapping.
--
-- Usually: The studio is newer than this tool. Compare its storage contract, and open an issue for this tool.
--
-- Not covered: values inside events, links and resources, which are compared as a whole (see altered_spans).
SELECT tier, file, row_number, trace_id, span_id, sent_by, column_name, key, expected, actual
FROM differences
WHERE kind = 'declared'
ORDER BY file, row_number, column_name, key
