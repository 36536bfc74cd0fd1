-- Every statistic of a Parquet footer holds for its values.
-- severity: error
-- examines: decoded Parquet files
-- query: file_contents
--
-- Readers skip a row group whose minimum, maximum or null count says that it holds nothing for them, as the studio's
-- queries do: a wrong one hides rows that are there. Each is compared with what the values of its column chunk come
-- to; of a long text that the writer cut, it must still be a bound.
--
-- Usually: Bits changed in the footer, on the disk or in a copy. The rows themselves read well: `e2e-store export` and
-- `replay` bring them into another file, and a backup has the right footer.
--
-- Not covered: statistics that are absent, of columns that no studio knows, of row groups that cannot be read to
-- their end, and page indexes and bloom filters, which nothing here uses.
SELECT tier, file, row_group AS row_group_index, column_name, statistic, expected, actual
FROM footer_statistics
ORDER BY tier, file, row_group, column_name, statistic
