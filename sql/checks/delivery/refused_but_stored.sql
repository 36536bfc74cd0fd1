-- No span of a refused export is stored.
-- severity: error
-- needs: run
-- examines: rejected spans
-- query: span
--
-- A refusal says that no span was kept, and a client may send the same spans elsewhere. A stored span contradicts the
-- answer.
--
-- Usually: A proxy or collector answered in place of the studio after it had forwarded the export, or two runs of the
-- same plan were sent. A client that retries a refusal stores such spans twice.
--
-- Not covered: exports whose outcome is unknown; their spans may be stored or not.
SELECT service_name, workflow, span, trace_id, span_id, n_cold, n_wal
FROM delivery
WHERE outcome = 'rejected' AND n_found > 0
ORDER BY trace_id, span_id
