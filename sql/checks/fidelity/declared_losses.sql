-- What the store cannot hold is known.
-- severity: info
-- needs: run
-- examines: planned rows
--
-- The studio's schema has no place for some of what OTLP carries (instrumentation scope, schema URLs, the kind of
-- bytes, NaN), and schema 1 has fewer columns. These losses are declared: counted here, and never a finding elsewhere.
--
-- Usually: Nothing is wrong. What is listed cannot be got back from the store, by a replay either.
--
-- Not covered: which spans they are (the plan tells), and the instrumentation scope with its schema URL, which every
-- span loses.
SELECT loss, spans
FROM losses
WHERE spans > 0 AND code <> 'scope'
ORDER BY spans DESC, loss
