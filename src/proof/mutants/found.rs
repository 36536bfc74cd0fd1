//! What a check found, and by what that differs from what another found.

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::{
    checks::runner::{Checked, Verdict},
    proof::expectation::differences,
};

/// What shows a mutant, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kill {
    /// As many findings, of other rows or in other words.
    Rows,
    /// Another number of findings, or another verdict.
    Count,
    /// The matrix demands another thing: `selftest` fails.
    Demand,
}

impl Kill {
    /// None where both found the same.
    pub(super) fn of(check: &str, right: &Found, found: &Found, demand: Option<&str>) -> Option<Self> {
        if (found.verdict, found.total) != (right.verdict, right.total) {
            let is_missed = |demand| !differences(&of_check(check, demand), &found.fired(check)).is_empty();
            return Some(if demand.is_some_and(is_missed) { Self::Demand } else { Self::Count });
        }
        (found.rows != right.rows).then_some(Self::Rows)
    }
}

/// What a defect is expected to fire, of one check; it may where the expectation does not speak of it.
fn of_check(check: &str, expected: &str) -> String {
    let is_of_check = |part: &&str| {
        let part = part.strip_prefix("may ").unwrap_or(part);
        part.split(": ").next() == Some(check)
    };
    if check.starts_with("junjo_") && !expected.contains("junjo_") && !expected.is_empty() {
        return format!("may {check}");
    }
    expected.split("; ").filter(is_of_check).collect::<Vec<_>>().join("; ")
}

/// What a check found, in a form that can be compared.
pub(super) struct Found {
    pub(super) verdict: &'static str,
    total: u64,
    pub(super) rows: Vec<String>,
}

impl Found {
    pub(super) fn of(checked: &Checked) -> Self {
        let verdict = checked.verdict.name();
        if let Verdict::Broken(reason) = &checked.verdict {
            return Self { verdict, total: 0, rows: vec![reason.clone()] };
        }
        let Some(findings) = checked.verdict.findings() else {
            return Self { verdict, total: 0, rows: Vec::new() };
        };
        let mut rows = Vec::new();
        let options = FormatOptions::new().with_null("NULL");
        for batch in &findings.samples {
            let columns: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).expect("a type that prints"))
                .collect();
            let row =
                |row: usize| columns.iter().map(|cells| cells.value(row).to_string()).collect::<Vec<_>>();
            rows.extend((0..batch.num_rows()).map(|number| row(number).join("|")));
        }
        rows.sort_unstable();
        Self { verdict, total: findings.total, rows }
    }

    /// As the matrix reads it.
    fn fired(&self, check: &str) -> String {
        match self.verdict {
            "pass" | "skipped" => String::new(),
            "fail" => format!("{check}: {}", self.total),
            other => format!("{check}: {other}, {}", self.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_kills_what_finds_another_number_than_it_demands() {
        let found = |total: u64, row: &str| Found {
            verdict: if total == 0 { "pass" } else { "fail" },
            total,
            rows: vec![row.to_owned()],
        };
        let kill = |total: u64, row: &str, demand: &str| {
            Kill::of("a", &found(2, "x"), &found(total, row), Some(demand))
        };
        assert_eq!(kill(2, "x", "a: 2"), None);
        assert_eq!(kill(2, "y", "a: 2"), Some(Kill::Rows));
        assert_eq!(kill(3, "x", "b; a; c: 1"), Some(Kill::Count));
        assert_eq!(kill(3, "x", "b; a: 2"), Some(Kill::Demand));
        assert_eq!(kill(0, "x", "b; a"), Some(Kill::Demand));
        assert_eq!(kill(3, "x", ""), Some(Kill::Demand));
        assert_eq!(kill(0, "x", "may a"), Some(Kill::Count));
    }
}
