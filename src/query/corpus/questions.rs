//! Questions by a seed, in the part of SQL that DataFusion and DuckDB understand alike.
//!
//! Every LIMIT stands behind an order that leaves no choice, every order says where nulls go, and no
//! sum is of fractions. So there is one right answer, whoever gives it.

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A question, and whether the order of its rows is part of the answer.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) sql: String,
    pub(super) ordered: bool,
}

impl Question {
    fn sorted(sql: String) -> Self {
        Self { sql, ordered: true }
    }

    fn any_order(sql: String) -> Self {
        Self { sql, ordered: false }
    }
}

const TEXTS: [&str; 6] =
    ["service_name", "name", "status_message", "parent_span_id", "trace_state", "attributes"];
const NUMBERS: [&str; 7] = [
    "span_kind",
    "status_code",
    "duration_ns",
    "trace_flags",
    "dropped_attributes_count",
    "row_number",
    "length(name)",
];
const TEXT_LITERALS: [&str; 10] =
    ["orders", "Shipping", "chat", "größe", "", "it''s", "timeout", "Ärger", "s", "ünit"];
const PATTERNS: [&str; 8] = ["%a%", "S%", "%e", "_hat", "%ö%", "100_ %", "%", "retry \"%"];
const ORDERS: [&str; 4] = ["ASC NULLS FIRST", "ASC NULLS LAST", "DESC NULLS FIRST", "DESC NULLS LAST"];

/// So many questions, one kind after the other.
pub(super) fn corpus(seed: u64, count: usize) -> Vec<Question> {
    let kinds: [fn(&mut Dice) -> Question; 15] = [
        totals,
        filter,
        grouped,
        joined,
        windowed,
        json,
        top,
        related,
        combined,
        distinct,
        nested_limit,
        grouped_json,
        scalar_subquery,
        window_over_groups,
        grouped_join,
    ];
    let mut dice = Dice { random: StdRng::seed_from_u64(seed), alias: "" };
    (0..count).map(|number| kinds[number % kinds.len()](&mut dice)).collect()
}

struct Dice {
    random: StdRng,
    /// Before the name of a column: nothing, or `a.`.
    alias: &'static str,
}

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound)
    }

    fn chance(&mut self, share: f64) -> bool {
        self.random.random_bool(share)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn number(&mut self, low: i64, high: i64) -> i64 {
        self.random.random_range(low..high)
    }

    fn of(&mut self, alias: &'static str, make: impl FnOnce(&mut Self) -> String) -> String {
        let before = std::mem::replace(&mut self.alias, alias);
        let sql = make(self);
        self.alias = before;
        sql
    }

    fn column(&mut self, from: &[&str]) -> String {
        let picked = self.pick(from).to_owned();
        match picked.strip_prefix("length(") {
            Some(inner) => format!("length({}{inner}", self.alias),
            None => format!("{}{picked}", self.alias),
        }
    }

    fn text(&mut self) -> String {
        let column = self.column(&TEXTS);
        let (literal, alias) = (self.pick(&TEXT_LITERALS), self.alias);
        match self.below(9) {
            0 => format!("lower({column})"),
            1 => format!("substr({column}, {}, {})", self.number(1, 4), self.number(1, 5)),
            2 => format!("coalesce({column}, '{literal}')"),
            3 => format!("{column} || '-' || {alias}name"),
            4 => format!("{alias}attributes ->> '{}'", self.pick(&["tool", "k", "llm.tokens", "none"])),
            5 => format!("nullif({column}, '{literal}')"),
            _ => column,
        }
    }

    fn integer(&mut self, depth: u32) -> String {
        let column = self.column(&NUMBERS);
        if depth == 0 {
            return column;
        }
        let alias = self.alias;
        match self.below(10) {
            0 => format!("({} + {})", self.integer(depth - 1), self.integer(depth - 1)),
            1 => format!("({column} - {})", self.number(0, 2_000_000)),
            2 => format!("({column} % {})", self.number(2, 11)),
            3 => format!("octet_length({})", self.text()),
            4 => format!("coalesce({column}, {})", self.number(0, 5)),
            5 => format!(
                "CASE WHEN {} THEN {column} ELSE {} END",
                self.condition(depth - 1),
                self.number(0, 9)
            ),
            6 => format!("CAST(({alias}attributes ->> 'k') AS BIGINT)"),
            7 => format!("abs({column} - {})", self.number(0, 3_000_000)),
            _ => column,
        }
    }

    fn condition(&mut self, depth: u32) -> String {
        if depth > 0 && self.chance(0.5) {
            let (left, right) = (self.condition(depth - 1), self.condition(depth - 1));
            return match self.below(4) {
                0 => format!("NOT ({left})"),
                1 => format!("({left} OR {right})"),
                _ => format!("({left} AND {right})"),
            };
        }
        let alias = self.alias;
        let compared = self.pick(&["=", "<>", "<", "<=", ">", ">="]);
        match self.below(13) {
            0 => format!("{} IS NULL", self.text()),
            1 => format!("{} IS NOT NULL", self.column(&TEXTS)),
            2 => format!("{alias}duration_ns {compared} {}", self.number(0, 5_000_000)),
            3 => format!("{alias}span_kind {compared} {}", self.number(0, 6)),
            4 => format!("{} {compared} '{}'", self.text(), self.pick(&TEXT_LITERALS)),
            5 => format!("{alias}service_name IN ('orders', '{}', 'none')", self.pick(&TEXT_LITERALS)),
            6 => format!(
                "{} BETWEEN {} AND {}",
                self.column(&NUMBERS),
                self.number(0, 3),
                self.number(3, 3_000)
            ),
            7 => {
                format!("{} LIKE '{}'", self.column(&TEXTS[..3]), self.pick(&PATTERNS))
            }
            8 => format!("({} IS DISTINCT FROM '{}')", self.column(&TEXTS), self.pick(&TEXT_LITERALS)),
            9 => {
                let second = self.number(0, 4);
                format!("{alias}start_time {compared} TIMESTAMP '2026-11-18 11:06:{:02}'", 40 + second)
            }
            10 => format!("{alias}tier = '{}'", self.pick(&["cold", "wal"])),
            11 => format!("{alias}attributes ->> 'k' = '{}'", self.number(0, 10)),
            _ => format!("{} {compared} {}", self.integer(1), self.number(0, 2_000)),
        }
    }

    fn filter_clause(&mut self, share: f64) -> String {
        if self.chance(share) { format!(" WHERE {}", self.condition(2)) } else { String::new() }
    }

    fn aggregate(&mut self) -> String {
        let filter =
            if self.chance(0.25) { format!(" FILTER (WHERE {})", self.condition(1)) } else { String::new() };
        let of = match self.below(12) {
            0 => "count(*)".to_owned(),
            1 => format!("count({})", self.text()),
            2 => format!("count(DISTINCT {})", self.text()),
            3 => format!("sum({})", self.integer(1)),
            4 => format!("avg({})", self.integer(1)),
            5 => format!("min({})", self.integer(1)),
            6 => format!("max({})", self.integer(2)),
            7 => format!("min({})", self.text()),
            8 => format!("max(octet_length({}attributes))", self.alias),
            9 => format!("min({}start_time)", self.alias),
            10 => format!("max({})", self.text()),
            _ => format!("max({}end_time)", self.alias),
        };
        format!("{of}{filter}")
    }

    fn aggregates(&mut self, most: usize) -> String {
        let count = 1 + self.below(most);
        let each: Vec<String> = (0..count).map(|index| format!("{} AS v{index}", self.aggregate())).collect();
        each.join(", ")
    }

    fn key(&mut self) -> String {
        match self.below(5) {
            0 => self.text(),
            1 => format!("{} % 5", self.column(&NUMBERS)),
            2 => format!("CASE WHEN {} THEN 'yes' ELSE 'no' END", self.condition(1)),
            3 => format!("{}file", self.alias),
            _ => self.column(&["service_name", "name", "span_kind", "status_message", "tier"]),
        }
    }

    fn order(&mut self) -> &'static str {
        ORDERS[self.below(ORDERS.len())]
    }
}

fn totals(dice: &mut Dice) -> Question {
    let values = dice.aggregates(5);
    Question::any_order(format!("SELECT {values} FROM stored_spans{}", dice.filter_clause(0.5)))
}

fn filter(dice: &mut Dice) -> Question {
    let (text, number, condition) = (dice.text(), dice.integer(2), dice.condition(3));
    Question::any_order(format!(
        "SELECT span_id, {text} AS t, {number} AS n, file, row_number FROM stored_spans WHERE {condition}"
    ))
}

fn grouped(dice: &mut Dice) -> Question {
    let (key, other, values) = (dice.key(), dice.key(), dice.aggregates(3));
    let filter = dice.filter_clause(0.4);
    let having =
        if dice.chance(0.3) { format!(" HAVING count(*) > {}", dice.number(1, 30)) } else { String::new() };
    Question::any_order(format!(
        "SELECT k1, k2, {values} FROM (SELECT *, {key} AS k1, {other} AS k2 FROM stored_spans{filter}) AS q \
         GROUP BY k1, k2{having}"
    ))
}

fn joined(dice: &mut Dice) -> Question {
    let kind = dice.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
    let outer = kind != "JOIN";
    let left = dice.of("a.", Dice::text);
    let right = dice.of("b.", |dice| dice.integer(1));
    let (of_left, of_right) =
        (dice.of("a.", |dice| dice.condition(1)), dice.of("b.", |dice| dice.condition(1)));
    // A full join in DuckDB wants a condition that can be hashed, and that alone.
    let on = if kind == "FULL JOIN" { String::new() } else { format!(" AND {of_right}") };
    let filter = if outer && dice.chance(0.5) { String::new() } else { format!(" WHERE {of_left}") };
    Question::any_order(format!(
        "SELECT a.span_id AS x, b.span_id AS y, {left} AS t, {right} AS n FROM stored_spans AS a {kind} stored_spans AS b \
         ON a.parent_span_id = b.span_id{on}{filter}"
    ))
}

fn windowed(dice: &mut Dice) -> Question {
    let partition = dice.column(&["service_name", "trace_id", "file", "span_kind"]);
    let (by, order) = (dice.integer(1), dice.order());
    let over = format!("PARTITION BY {partition} ORDER BY {by} {order}, span_id");
    let frame = dice.pick(&[
        "",
        " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
        " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    ]);
    let number = dice.integer(1);
    let value = match dice.below(6) {
        0 => format!("row_number() OVER ({over})"),
        1 => format!("lag({number}, 1) OVER ({over})"),
        2 => format!("lead({number}, 2) OVER ({over})"),
        3 => format!("sum({number}) OVER ({over}{frame})"),
        4 => format!("max({number}) OVER ({over}{frame})"),
        _ => format!("count({}) OVER ({over}{frame})", dice.text()),
    };
    let few = format!("SELECT span_id, {value} AS v FROM stored_spans{}", dice.filter_clause(0.4));
    if dice.chance(0.4) {
        return Question::any_order(format!("SELECT * FROM ({few}) AS q WHERE v <= {}", dice.number(1, 4)));
    }
    Question::any_order(few)
}

fn json(dice: &mut Dice) -> Question {
    let key = dice.pick(&["k", "tool", "llm.tokens", "nothing", "none"]);
    let condition = dice.condition(1);
    Question::any_order(format!(
        "SELECT span_id, attributes ->> '{key}' AS v, CAST(attributes ->> 'llm.tokens' AS BIGINT) + 1 AS n FROM stored_spans \
         WHERE attributes ->> '{key}' IS NOT NULL OR ({condition})"
    ))
}

fn top(dice: &mut Dice) -> Question {
    let (by, order) = (if dice.chance(0.5) { dice.text() } else { dice.integer(1) }, dice.order());
    let (limit, filter) = (dice.number(1, 40), dice.filter_clause(0.5));
    let offset = if dice.chance(0.4) { format!(" OFFSET {}", dice.number(0, 30)) } else { String::new() };
    Question::sorted(format!(
        "SELECT span_id, {by} AS v, start_time FROM stored_spans{filter} ORDER BY v {order}, span_id LIMIT {limit}{offset}"
    ))
}

fn related(dice: &mut Dice) -> Question {
    let inner = dice.of("b.", |dice| dice.condition(1));
    let outer = dice.of("a.", |dice| dice.condition(1));
    let related = match dice.below(4) {
        0 => {
            format!("EXISTS (SELECT 1 FROM stored_spans AS b WHERE b.parent_span_id = a.span_id AND {inner})")
        }
        1 => format!(
            "NOT EXISTS (SELECT 1 FROM stored_spans AS b WHERE b.span_id = a.parent_span_id AND {inner})"
        ),
        2 => format!("a.trace_id IN (SELECT b.trace_id FROM stored_spans AS b WHERE {inner})"),
        _ => format!("a.parent_span_id NOT IN (SELECT b.span_id FROM stored_spans AS b WHERE {inner})"),
    };
    Question::any_order(format!(
        "SELECT a.span_id, a.name FROM stored_spans AS a WHERE {related} AND ({outer} OR a.span_kind = 1)"
    ))
}

fn combined(dice: &mut Dice) -> Question {
    let with = dice.pick(&["UNION ALL", "UNION", "INTERSECT", "EXCEPT"]);
    let columns = "service_name AS t, span_kind AS n";
    let (left, right) = (dice.condition(2), dice.condition(2));
    Question::any_order(format!(
        "SELECT {columns} FROM stored_spans WHERE {left} {with} SELECT {columns} FROM stored_spans WHERE {right}"
    ))
}

fn distinct(dice: &mut Dice) -> Question {
    let (first, second, filter) = (dice.key(), dice.key(), dice.filter_clause(0.6));
    Question::any_order(format!("SELECT DISTINCT {first} AS x, {second} AS y FROM stored_spans{filter}"))
}

fn nested_limit(dice: &mut Dice) -> Question {
    let (by, order, limit) = (dice.integer(1), dice.order(), dice.number(5, 300));
    let (values, condition) = (dice.aggregates(3), dice.condition(1));
    Question::any_order(format!(
        "SELECT {values} FROM (SELECT * FROM stored_spans ORDER BY {by} {order}, span_id LIMIT {limit}) AS q WHERE {condition}"
    ))
}

fn grouped_json(dice: &mut Dice) -> Question {
    let key = dice.pick(&["k", "tool", "ok"]);
    let values = dice.aggregates(2);
    Question::any_order(format!(
        "SELECT attributes ->> '{key}' AS g, {values} FROM stored_spans{} GROUP BY attributes ->> '{key}'",
        dice.filter_clause(0.4)
    ))
}

fn scalar_subquery(dice: &mut Dice) -> Question {
    let (inner, outer) = (dice.condition(1), dice.condition(1));
    let compared = dice.pick(&["<", ">=", "="]);
    let of = dice.pick(&["max", "min"]);
    Question::any_order(format!(
        "SELECT span_id, duration_ns FROM stored_spans WHERE duration_ns {compared} \
         (SELECT {of}(duration_ns) FROM stored_spans WHERE {inner}) AND ({outer} OR span_kind < 3)"
    ))
}

fn window_over_groups(dice: &mut Dice) -> Question {
    let key = dice.column(&["service_name", "name", "span_kind", "file"]);
    let (values, order) = (dice.integer(1), dice.order());
    Question::any_order(format!(
        "SELECT g, s, rank() OVER (ORDER BY s {order}) AS r, sum(n) OVER (ORDER BY g NULLS LAST) AS total FROM \
         (SELECT {key} AS g, sum({values}) AS s, count(*) AS n FROM stored_spans{} GROUP BY {key}) AS q",
        dice.filter_clause(0.4)
    ))
}

fn grouped_join(dice: &mut Dice) -> Question {
    let kind = dice.pick(&["JOIN", "LEFT JOIN"]);
    let value = dice.of("b.", |dice| dice.integer(1));
    let condition = dice.of("a.", |dice| dice.condition(1));
    let (order, limit) = (dice.order(), dice.number(3, 60));
    Question::sorted(format!(
        "SELECT a.trace_id, count(b.span_id) AS n, max({value}) AS m FROM stored_spans AS a {kind} stored_spans AS b \
         ON a.trace_id = b.trace_id AND b.parent_span_id = a.span_id WHERE {condition} \
         GROUP BY a.trace_id ORDER BY n {order}, a.trace_id LIMIT {limit}"
    ))
}
