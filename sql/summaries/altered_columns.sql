-- How many values of each column are not as planned, pollution aside, and the first of them.
SELECT column_name, count(*) AS differing,
       first_value(file ORDER BY file, row_number, key) AS file,
       first_value(row_number ORDER BY file, row_number, key) AS row_number,
       first_value(key ORDER BY file, row_number, key) AS key,
       first_value(expected ORDER BY file, row_number, key) AS expected,
       first_value(actual ORDER BY file, row_number, key) AS actual
FROM differences
WHERE kind = 'content'
GROUP BY column_name
ORDER BY differing DESC, column_name
