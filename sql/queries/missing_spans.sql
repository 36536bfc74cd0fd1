-- Acked spans of the run that no file holds.
--
-- The plan says what was to be sent, the ledger what the studio took. What it took and no readable file
-- holds is lost, or still on its way (audit tells which), or in a file that could not be read. Spans are
-- looked for by span id, which a run uses once, so that a damaged trace id is no loss.
SELECT expected.run, expected.service_name, expected.workflow, expected.span,
       expected.trace_id, expected.span_id, expected.name, expected.export_ended_at AS acked_at
FROM expected_spans expected
WHERE expected.outcome = 'acked'
  AND NOT EXISTS (
      SELECT 1 FROM stored_spans stored
      WHERE stored.span_id = expected.span_id AND stored.tier <> 'hot')
ORDER BY acked_at, expected.trace_id, expected.span_id
