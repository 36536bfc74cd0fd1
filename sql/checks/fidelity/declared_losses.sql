-- What the store cannot hold is known.
-- severity: info
-- needs: run
-- examines: planned rows
--
-- The studio's schema has no column for some of what OTLP carries (instrumentation scope, schema URLs, the type of
-- bytes, NaN), and schema 1 has fewer columns. These losses are declared: they are counted here and are not findings
-- elsewhere.
--
-- Usually: Nothing is wrong. What is listed cannot be restored from the store, not even by a replay.
--
-- Not covered: which spans are affected (the plan tells), and the instrumentation scope with its schema URL, which
-- every span loses.
SELECT loss, spans
FROM losses
WHERE spans > 0 AND code <> 'scope'
ORDER BY spans DESC, loss
