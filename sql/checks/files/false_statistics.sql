-- Every statistic of a Parquet footer, and every page index, holds for its values.
-- severity: error
-- examines: decoded Parquet files
-- query: file_contents
--
-- Readers skip a row group or a page whose minimum, maximum or null count says that it holds nothing for them, as the
-- studio's queries do: a wrong one hides rows that are there. Each is compared with what the values of its column
-- chunk or page come to; of a long text that the writer cut, it must still be a bound. Where an index says that pages
-- lie, and which rows they have, is held against the pages' own headers. Of each column chunk, the first wrong page of
-- a kind is a finding.
--
-- Usually: Bits changed in the footer, on the disk or in a copy. The rows themselves read well: `e2e-store export`
-- and `replay` bring them into another file, and a backup has the right footer.
--
-- Not covered: statistics that are absent, of columns that no studio knows, of row groups that cannot be read to
-- their end, and bloom filters, which nothing here uses.
SELECT tier, file, row_group AS row_group_index, column_name, page, statistic, expected, actual
FROM footer_statistics
ORDER BY tier, file, row_group, column_name, page, statistic
