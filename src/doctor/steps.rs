//! Steps and their results.

use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    pub(crate) list: List,
    pub(crate) name: &'static str,
    pub(crate) outcome: StepResult,
    pub(crate) text: String,
    /// Lines to type, or to put into a file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) next: Vec<String>,
}

/// The complaint that a step helps with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum List {
    NotAppearing,
    Polluted,
    Slow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepResult {
    Ok,
    Warn,
    Fail,
    Skipped,
}

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Step>);

impl List {
    pub(crate) const ALL: [Self; 3] = [Self::NotAppearing, Self::Polluted, Self::Slow];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::NotAppearing => "data not appearing",
            Self::Polluted => "pollution detected",
            Self::Slow => "low throughput",
        }
    }
}

impl Steps {
    pub(crate) fn ok(&mut self, list: List, name: &'static str, text: impl Into<String>) {
        self.add(list, name, StepResult::Ok, text.into(), Vec::new());
    }

    pub(crate) fn skip(&mut self, list: List, name: &'static str, why: &str) {
        self.add(list, name, StepResult::Skipped, why.to_owned(), Vec::new());
    }

    pub(crate) fn warn(
        &mut self,
        list: List,
        name: &'static str,
        text: impl Into<String>,
        next: Vec<String>,
    ) {
        self.add(list, name, StepResult::Warn, text.into(), next);
    }

    pub(crate) fn fail(
        &mut self,
        list: List,
        name: &'static str,
        text: impl Into<String>,
        next: Vec<String>,
    ) {
        self.add(list, name, StepResult::Fail, text.into(), next);
    }

    fn add(&mut self, list: List, name: &'static str, outcome: StepResult, text: String, next: Vec<String>) {
        self.0.push(Step { list, name, outcome, text, next });
    }

    /// By list; within one in the order in which they were taken. Who is told to ask again asks as now: `flags`
    /// are those that were given.
    pub(crate) fn in_order(mut self, flags: &str) -> Vec<Step> {
        self.0.sort_by_key(|step| step.list);
        for line in self.0.iter_mut().flat_map(|step| &mut step.next) {
            if line == "e2e-store doctor" {
                line.push_str(flags);
            }
        }
        self.0
    }
}
