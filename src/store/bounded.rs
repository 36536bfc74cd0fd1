//! Bounds for what one call of a function may make in a statement.
//!
//! DataFusion counts what operators hold, and not what an expression makes: `repeat('a', 10000000000)` in a text from
//! a stranger would take the machine. A function whose result may be larger than its arguments is asked first how
//! much it would make, while constants are folded, too, and refused beyond its share of `--memory-limit`.
//! The calls of a statement share the limit, because their results are held at the same time.

mod call;
mod concat;
mod growth;
mod lengths;
mod rule;
mod scope;
mod window;

use std::sync::Arc;

use datafusion::{logical_expr::ScalarUDF, prelude::SessionContext};

use self::{call::Bounded, rule::BoundedExpressions, scope::Scope};

/// Puts bounds to the functions of a session.
pub(crate) fn bound(session: &SessionContext) {
    let scope = Arc::new(Scope::of(session.state_ref().read().config()));
    for (name, growth) in growth::FUNCTIONS {
        let known = session.state_ref().read().scalar_functions().get(name).cloned();
        if let Some(inner) = known {
            session.register_udf(ScalarUDF::new_from_impl(Bounded::new(inner, growth, Arc::clone(&scope))));
        }
    }
    session.add_analyzer_rule(Arc::new(BoundedExpressions));
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;

    use crate::{base::memory::Limits, store::session::session};

    async fn asked(sql: &str) -> Result<String, String> {
        let session = session(Limits { memory: 64 << 20, partitions: 1, batch_rows: 8_192 }).unwrap();
        let answer = match session.sql(sql).await {
            Ok(frame) => frame.collect().await,
            Err(err) => Err(err),
        };
        let text = |rows: Vec<_>| pretty_format_batches(&rows).unwrap().to_string();
        answer.map(text).map_err(|err| err.to_string())
    }

    #[tokio::test]
    async fn what_would_take_the_machine_is_refused() {
        for sql in [
            "select length(repeat('ab', 10000000000))",
            "select length(repeat(repeat('a', 100000), 100000))",
            "select length(lpad('a', 2000000000))",
            "select length(rpad('a', 2000000000, 'xy'))",
            "select array_length(range(0, 10000000000))",
            "select array_length(generate_series(10000000000, 0, -1))",
            "select array_length(array_repeat('abc', 1000000000))",
            "select array_length(list_repeat('abc', 1000000000))",
            "select array_length(array_resize([1], 10000000000, 2))",
            "select length(replace(repeat('a', 100000), 'a', repeat('b', 100000)))",
            "select length(regexp_replace(repeat('a', 100000), 'a', repeat('b', 100000), 'g'))",
            "select repeat(v, 100000000) from (values ('abc'), ('d')) as t (v)",
            // Each by itself would do.
            "select length(concat(repeat('a', 200000000), repeat('b', 200000000), repeat('c', 200000000)))",
            "select length(repeat('a', 100000000) || repeat('b', 100000000) || repeat('c', 100000000))",
            "select length(array_to_string(array_repeat('a', 100000), repeat('b', 100000)))",
            "select array_length(array_concat(range(0, 20000000), range(0, 20000000)))",
            "select length(encode(encode(encode(repeat('a', 600000), 'hex'), 'hex'), 'hex'))",
            "select length(concat_ws(repeat('a', 100000000), 'b', 'c', 'd', 'e'))",
            // The same value in every row.
            "select repeat('a', 100000000) from generate_series(1, 8000)",
            "select a.s from (select repeat('a', 30000000) as s) as a cross join generate_series(1, 8000)",
            "select (select repeat('a', 30000000)) from generate_series(1, 8000)",
            "select unnest(range(0, 600000)), repeat('a', 5000)",
            "select unnest(range(0, 1000000)) from generate_series(1, 8000)",
            // An answer for each row.
            "select array_agg(value) over (order by value) from generate_series(1, 20000)",
            "select array_agg(value) over () from generate_series(1, 20000)",
            "select string_agg('abc', ',') over (order by value) from generate_series(1, 20000)",
            "select first_value(v) over (order by value) from \
             (select value, lpad('', 2000) as v from generate_series(1, 50000))",
            "select max(v) over (order by value) from \
             (select value, lpad('', 2000) as v from generate_series(1, 50000))",
            // Types that have a width.
            "select arrow_cast(null, 'FixedSizeBinary(2000000000)')",
            "select arrow_cast(null, 'FixedSizeList(1000000000, Int64)')",
            "select cast(null as bigint[1000000000])",
        ] {
            let err = asked(sql).await.expect_err(sql);
            assert!(err.contains("--memory-limit"), "{sql}: {err}");
        }
    }

    #[tokio::test]
    async fn what_has_room_is_answered() {
        for (sql, value) in [
            ("select length(repeat('ab', 1000))", "2000"),
            ("select length(repeat('ab', 500000))", "1000000"),
            ("select lpad('a', 3, 'ü')", "üüa"),
            ("select array_length(range(0, 100))", "100"),
            ("select array_length(array_repeat('abc', 3))", "3"),
            ("select replace('aaa', 'a', 'bb')", "bbbbbb"),
            ("select regexp_replace('aaa', 'a', 'bb', 'g')", "bbbbbb"),
            ("select concat('a', null, 'b')", "ab"),
            ("select 'a' || 'b' || 1 || 'c'", "ab1c"),
            ("select coalesce('a' || null || 'b', 'none')", "none"),
            ("select [1] || [2, 3]", "[1, 2, 3]"),
            ("select sum(length(v || '-' || v)) from (values ('abc'), ('d')) as t (v)", "10"),
            ("select sum(v) from (select unnest(range(0, 500000)) as v)", "124999750000"),
            ("select sum(length(repeat('a', 1000))) from generate_series(1, 8000)", "8000000"),
            ("select encode('abc', 'hex')", "616263"),
            ("select array_length(array_agg(value) over (order by value)) from generate_series(1, 50)", "50"),
            ("select first_value(name) over (order by name) from (values ('a'), ('b')) as t (name)", "a"),
            ("select sum(value) over (order by value desc) from generate_series(1, 2)", "3"),
            ("select arrow_cast('ab', 'Binary')", "6162"),
        ] {
            let answer = asked(sql).await.unwrap_or_else(|err| panic!("{sql}: {err}"));
            assert!(answer.contains(&format!("| {value}")), "{sql}:\n{answer}");
        }
    }

    #[tokio::test]
    async fn a_refusal_names_function_and_size() {
        let err = asked("select length(repeat('ab', 1000000000))").await.unwrap_err();
        assert!(err.contains("`repeat` would make 2.0 GB at a time"), "{err}");
        let err = asked("select lpad('a', 100000) from generate_series(1, 8000)").await.unwrap_err();
        assert!(err.contains("`lpad` would make a value of 100.0 kB for each of many rows"), "{err}");
    }

    #[tokio::test]
    async fn a_long_chain_is_one_call() {
        let chain = vec!["'0123456789'"; 900].join(" || ");
        assert!(asked(&format!("select length({chain})")).await.unwrap().contains("| 9000"));
    }
}
