//! The pages as the studio answers them, beside what is predicted of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Hidden, List, Prediction, TracePage};
use crate::wire::rest::{Health, RestError, ShownSpan, Studio};

/// What the studio's answers came to.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) studio: String,
    pub(crate) version: String,
    pub(crate) app_name: String,
    /// Pages that were asked for.
    pub(crate) pages: u64,
    pub(crate) differences: Vec<Difference>,
}

/// What a page shows otherwise than predicted.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    #[serde(flatten)]
    pub(crate) page: Page,
    pub(crate) kind: Kind,
    /// A service, a trace and span, or a span; none where it is about the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<String>,
    pub(crate) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "page", rename_all = "snake_case")]
pub(crate) enum Page {
    Services,
    Workflows { service: String },
    Trace { trace_id: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Stored and not shown, for no reason that is known.
    NotShown,
    /// Shown, although the index does not lead there, or it is not stored.
    NotPredicted,
    /// Shown another number of times.
    Repeated,
    /// The page has no answer, for no reason that is known.
    Failed,
    /// It should have failed.
    Answered,
}

/// What a prediction covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    AllServices,
    SomeServices,
    Trace,
}

/// Asks for the list of services, the workflows of each service, and the traces of the prediction.
///
/// # Errors
///
/// The studio wants a sign-in: its pages can then not be asked for.
pub(crate) async fn compare(
    studio: &Studio,
    health: &Health,
    prediction: &Prediction,
    scope: Scope,
) -> Result<Comparison, RestError> {
    let mut comparison = Comparison {
        studio: studio.url().to_string(),
        version: health.version.clone(),
        app_name: health.app_name.clone(),
        pages: 0,
        differences: Vec::new(),
    };
    if scope != Scope::Trace {
        let answer = comparison.answer(&Page::Services, None, studio.services().await)?;
        comparison.services(prediction, answer, scope);
    }
    for page in &prediction.services {
        let of = Page::Workflows { service: page.name.clone() };
        let answer = studio.workflows(&page.name).await;
        if let Some(answer) = comparison.answer(&of, page.workflows.failure, answer)? {
            comparison.workflows(&of, &page.workflows, &answer);
        }
    }
    for page in &prediction.traces {
        let of = Page::Trace { trace_id: page.trace_id.clone() };
        let answer = studio.trace(&page.trace_id).await;
        if let Some(answer) = comparison.answer(&of, page.failure, answer)? {
            comparison.trace(&of, page, &answer);
        }
    }
    Ok(comparison)
}

impl Comparison {
    fn note(&mut self, page: &Page, kind: Kind, entry: Option<String>, text: impl Into<String>) {
        self.differences.push(Difference { page: page.clone(), kind, entry, text: text.into() });
    }

    /// The answer where there is one to compare.
    fn answer<T>(
        &mut self,
        page: &Page,
        failure: Option<Hidden>,
        answer: Result<T, RestError>,
    ) -> Result<Option<T>, RestError> {
        self.pages += 1;
        match (answer, failure) {
            (Err(err @ RestError::Status(401)), _) => return Err(err),
            (Ok(answer), None) => return Ok(Some(answer)),
            (Ok(_), Some(why)) => {
                let text = format!("it answers, although {}", why.text());
                self.note(page, Kind::Answered, None, text);
            }
            (Err(RestError::Status(status)), Some(why)) if status == why.status() => {}
            (Err(err), _) => self.note(page, Kind::Failed, None, err.to_string()),
        }
        Ok(None)
    }

    fn services(&mut self, prediction: &Prediction, answer: Option<Vec<String>>, scope: Scope) {
        let Some(answer) = answer else { return };
        let shown: BTreeSet<&str> = answer.iter().map(String::as_str).collect();
        for page in &prediction.services {
            let (entry, is_shown) = (Some(page.name.clone()), shown.contains(page.name.as_str()));
            match (page.is_listed, is_shown) {
                (true, false) => self.note(&Page::Services, Kind::NotShown, entry, "it is not listed"),
                (false, true) => self.note(&Page::Services, Kind::NotPredicted, entry, "it is listed"),
                (true, true) | (false, false) => {}
            }
        }
        if scope != Scope::AllServices {
            return;
        }
        let known: BTreeSet<&str> = prediction.services.iter().map(|page| page.name.as_str()).collect();
        for name in shown.difference(&known) {
            let text = "it is listed, and neither stored nor indexed";
            self.note(&Page::Services, Kind::NotPredicted, Some((*name).to_owned()), text);
        }
    }

    fn workflows(&mut self, page: &Page, list: &List, answer: &[ShownSpan]) {
        let shown: BTreeSet<(&str, &str)> = answer.iter().map(key).collect();
        let key = |one: &'_ super::Execution| (one.trace_id.clone(), one.span_id.clone());
        let by_chance: BTreeSet<_> = list.ties.iter().map(key).collect();
        let expected: BTreeSet<_> = list.shown.iter().map(key).collect();
        for (trace, span) in expected.difference(&by_chance) {
            if !shown.contains(&(trace.as_str(), span.as_str())) {
                self.note(page, Kind::NotShown, Some(format!("{trace} {span}")), "it is not listed");
            }
        }
        for (trace, span) in shown {
            let one = (trace.to_owned(), span.to_owned());
            if !expected.contains(&one) && !by_chance.contains(&one) {
                self.note(page, Kind::NotPredicted, Some(format!("{trace} {span}")), "it is listed");
            }
        }
    }

    fn trace(&mut self, of: &Page, page: &TracePage, answer: &[ShownSpan]) {
        let mut shown: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, span) in answer.iter().map(key) {
            *shown.entry(span).or_default() += 1;
        }
        for (span, times) in &page.spans {
            let entry = Some(span.clone());
            match shown.remove(span.as_str()) {
                None => self.note(of, Kind::NotShown, entry, "it is not shown"),
                Some(found) if found != *times => {
                    let text = format!("it is shown {found} times, and {times} are predicted");
                    self.note(of, Kind::Repeated, entry, text);
                }
                Some(_) => {}
            }
        }
        for span in shown.into_keys() {
            self.note(of, Kind::NotPredicted, Some(span.to_owned()), "it is shown");
        }
    }
}

fn key(span: &ShownSpan) -> (&str, &str) {
    (span.trace_id.as_deref().unwrap_or_default(), span.span_id.as_deref().unwrap_or_default())
}
