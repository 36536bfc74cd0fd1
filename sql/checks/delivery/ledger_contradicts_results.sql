-- The ledger of a run and the results in its manifest agree.
-- severity: error
-- needs: run
-- examines: runs
--
-- What an audit holds a store against is what the ledger says of each export. The manifest counts the same outcomes
-- when the run ends: a ledger that lost lines, or was edited, no longer adds up to them, and spans whose export is not
-- in it are missed by nobody.
--
-- Usually: The ledger was cut, edited or replaced after the run, or copied while it was written. Restore it from where
-- the run was made; without it, what was sent is not known.
--
-- Not covered: runs without results (killed, or still at work), an edit that leaves all counts as they were, and, of
-- interrupted runs and of replays, outcomes other than acked.
SELECT run, expected, actual
FROM run_results -- one row per judged run with results: what its manifest counts, and what its ledger adds up to
WHERE expected <> actual
ORDER BY run
