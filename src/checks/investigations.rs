//! The named investigations of `e2e-store sql` that a report can point to, with their parameters.

/// A question of `e2e-store sql --query NAME --param KEY=VALUE`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Investigation {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [&'static str],
}

const ALL: &[Investigation] = &[
    Investigation { name: "around_row", parameters: &["file", "row"] },
    Investigation { name: "big_attributes", parameters: &[] },
    Investigation { name: "broken_parents", parameters: &[] },
    Investigation { name: "duplicates_by_file", parameters: &[] },
    Investigation { name: "failed_runs", parameters: &[] },
    Investigation { name: "file_contents", parameters: &["file"] },
    Investigation { name: "finding", parameters: &["id"] },
    Investigation { name: "late_arrivals", parameters: &[] },
    Investigation { name: "missing_spans", parameters: &[] },
    Investigation { name: "orphan_families", parameters: &[] },
    Investigation { name: "pollution", parameters: &[] },
    Investigation { name: "rate_by_minute", parameters: &[] },
    Investigation { name: "service_spans", parameters: &["service"] },
    Investigation { name: "shared_traces", parameters: &[] },
    Investigation { name: "state_history", parameters: &["trace"] },
];

/// `Err` names those that there are.
pub(crate) fn named(name: &str) -> Result<&'static Investigation, String> {
    ALL.iter().find(|investigation| investigation.name == name).ok_or_else(|| {
        let known: Vec<&str> = ALL.iter().map(|investigation| investigation.name).collect();
        format!("`{name}` is none of: {}", known.join(", "))
    })
}
