-- A partial success stores exactly the spans that it accepts.
-- severity: error
-- needs: run
-- examines: partial successes
-- query: export
--
-- OTLP reports how many spans of an export were rejected, never which. Exactly the others must be stored: more
-- contradict the answer at once, fewer once a barrier is behind it.
--
-- Usually: No released studio answers with a partial success, so something between client and studio did: a collector
-- or proxy that drops spans. Check its limits, and compare its count of dropped spans with the export.
--
-- Not covered: which of the spans are stored, exports with too few spans while a file that could not be read may hold
-- them, and exports with an earlier attempt that had no answer.
SELECT run, export, service_name, first_ordinal, spans, rejected_spans, taken AS expected, n_found AS actual, ended_at
FROM (SELECT *, greatest(spans - rejected_spans, 0) AS taken FROM exports) -- one row per export
WHERE outcome = 'partial'
  AND (n_found > taken OR (n_found < taken AND behind_barrier AND NOT maybe_unread))
ORDER BY ended_at, run, service_name, first_ordinal
