-- Of a partly refused export, as many spans are stored as were taken.
-- severity: error
-- needs: run
-- examines: partial successes
-- query: export
--
-- OTLP says how many spans of an export were rejected, never which. Exactly the rest must be stored:
-- more contradicts the answer at once, fewer once a barrier lies behind it.
--
-- Usually: no released studio answers with a partial success, so something between the client and the
-- studio did: a collector or a proxy that drops spans of its own accord. Look at its limits, and hold its
-- count of drops against the export.
--
-- Not covered: which of the spans are stored, exports with too few spans while a file that could not be
-- read may hold them, and exports of which an attempt before had no answer.
SELECT run, export, service_name, first_ordinal, spans, rejected_spans, taken AS expected, n_found AS actual, ended_at
FROM (SELECT *, greatest(spans - rejected_spans, 0) AS taken FROM exports) -- one row per export
WHERE outcome = 'partial'
  AND (n_found > taken OR (n_found < taken AND behind_barrier AND NOT maybe_unread))
ORDER BY ended_at, run, service_name, first_ordinal
