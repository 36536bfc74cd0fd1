//! The command that shows a finding: `e2e-store sql PATH --query NAME --param KEY=VALUE`, ready to paste.

use crate::{
    audit::evidence::{Evidence, Sample},
    checks::{
        catalog::Check,
        finding_id,
        investigations::{self, Investigation},
    },
    text::shell,
};

/// For the first finding that was kept; `command` is `e2e-store sql PATH` in words, and empty where the store will be gone. The check's own
/// investigation where the finding has its parameters, else what lies around its row, else the finding itself.
pub(crate) fn sql_line(command: &[String], check: &Check, evidence: &Evidence) -> Option<String> {
    command_for(command, check, evidence.samples.first()?)
}

/// The same for one finding.
pub(crate) fn command_for(command: &[String], check: &Check, sample: &Sample) -> Option<String> {
    if command.is_empty() {
        return None;
    }
    let fallback = ["around_row", "finding"].map(investigations::find);
    let candidates = check.query.into_iter().chain(fallback.into_iter().flatten());
    let (investigation, values) =
        candidates.into_iter().find_map(|query| Some((query, arguments(query, sample)?)))?;
    let mut words = command.to_vec();
    words.extend(["--query".to_owned(), investigation.name.clone()]);
    for (parameter, value) in values {
        words.extend(["--param".to_owned(), format!("{parameter}={value}")]);
    }
    Some(shell::command(&words))
}

/// The command that predicts the studio's page of a finding: of its trace, of its service, or all.
pub(crate) fn page_for(command: &[String], sample: &Sample) -> Option<String> {
    let [program, _, store, ..] = command else { return None };
    let mut words = vec![program.clone(), "ui".to_owned(), store.clone()];
    let page = [("trace_id", "--trace"), ("service_name", "--service")];
    let page = page.into_iter().find_map(|(column, flag)| Some((flag, sample.text(column)?)));
    if let Some((flag, value)) = page.filter(|(_, value)| !value.is_empty()) {
        words.extend([flag.to_owned(), value]);
    }
    Some(shell::command(&words))
}

/// What an investigation must be given, from a finding; none where the finding does not have it.
pub(crate) fn arguments<'q>(query: &'q Investigation, sample: &Sample) -> Option<Vec<(&'q str, String)>> {
    // Investigations of all spans know those with a plan: nobody planned the workflows of a replay.
    let is_recorded = sample.text("span").is_some() && sample.text("workflow").is_none();
    if query.required().next().is_none() && is_recorded {
        return None;
    }
    let value = |parameter: &str| match parameter {
        "id" => Some(finding_id::shown(&sample.id).to_owned()),
        "row" => sample.text("row_number"),
        "trace" => sample.text("trace_id"),
        "span" => sample.text("span_id"),
        "export" => sample.text("export"),
        "service" => sample.text("service_name").or_else(|| sample.text("sent_by")),
        other => sample.text(other),
    };
    query.required().map(|parameter| Some((parameter, value(parameter)?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::{audit::evidence::PointsTo, checks::selection};

    fn line(check: &str, values: Value) -> String {
        let check = selection::find(crate::checks::catalog::built_in().unwrap(), check).unwrap();
        let values: Map<String, Value> = serde_json::from_value(values).unwrap();
        let samples = vec![Sample { id: format!("{}:0123456789ab", check.id), values }];
        let evidence = Evidence { columns: Vec::new(), samples, points_to: PointsTo::default() };
        let command = ["e2e-store", "sql", "my data"].map(str::to_owned);
        sql_line(&command, &check, &evidence).unwrap()
    }

    #[test]
    fn a_checks_investigation_gets_its_parameters_from_the_finding() {
        assert_eq!(
            line("altered_spans", json!({"file": "wal/a b.ipc", "row_number": 7, "trace_id": "0a"})),
            "e2e-store sql 'my data' --query around_row --param 'file=wal/a b.ipc' --param row=7"
        );
        let planned = json!({"trace_id": "0a", "span_id": "0b"});
        assert_eq!(line("lost_spans", planned), "e2e-store sql 'my data' --query missing_spans");
    }

    #[test]
    fn the_page_of_a_finding_is_that_of_its_trace_or_service() {
        let page = |values: Value| {
            let values = serde_json::from_value(values).unwrap();
            let command = ["e2e-store", "sql", "my data", "--run", "none"].map(str::to_owned);
            page_for(&command, &Sample { id: "x:0".to_owned(), values }).unwrap()
        };
        let both = json!({"trace_id": "0a", "service_name": "a b"});
        assert_eq!(page(both), "e2e-store ui 'my data' --trace 0a");
        assert_eq!(page(json!({"service_name": "a b"})), "e2e-store ui 'my data' --service 'a b'");
        assert_eq!(page(json!({"file": "x", "service_name": ""})), "e2e-store ui 'my data'");
    }

    #[test]
    fn a_finding_without_the_parameters_is_shown_by_its_row_or_its_id() {
        assert_eq!(
            line("torn_segments", json!({"tier": "wal"})),
            "e2e-store sql 'my data' --query finding --param id=torn_segments:0123456789ab"
        );
        assert_eq!(
            line("lost_spans", json!({"workflow": null, "span": 7, "trace_id": "0a", "span_id": "0b"})),
            "e2e-store sql 'my data' --query finding --param id=lost_spans:0123456789ab"
        );
    }
}
