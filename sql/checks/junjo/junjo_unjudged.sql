-- A Junjo trace is small enough to be judged.
-- examines: Junjo executions
-- finding: inconclusive
-- query: trace_spans
--
-- A trace is rebuilt in memory. One with more than 50,000 spans of Junjo's, or a state store with more than a million
-- transitions, is not.
--
-- Usually: A loop without an end, or one trace for all that a program does. The trace is judged by its links, times
-- and form alone.
--
-- Not covered: nothing.
SELECT tier, file, row_number, service_name, trace_id, span_id, name, type, subject, cause, expected, actual
FROM execution_differences
WHERE kind = 'too_large'
ORDER BY file, row_number, subject, actual
