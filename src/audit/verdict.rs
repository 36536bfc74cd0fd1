//! The verdict of an audit: what its checks say together, and what keeps a silence from being a pass.
//!
//! Reasons are data; their texts are the report's.

use serde::{Deserialize, Serialize};

use super::{report::Subject, uncovered::uncovered};
use crate::{
    checks::{
        catalog::{Finding, Severity},
        runner::{Checked, Verdict},
        summary::DifferingColumn,
    },
    judge::judgement::{Depth, Judgement},
    store::problem::FileProblem,
};

/// The verdict of a whole audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Overall {
    Pass,
    Fail,
    Inconclusive,
}

/// The lowest severity of findings that fail an audit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FailOn {
    #[default]
    Error,
    Warn,
}

impl Overall {
    /// With a further reason; a failure outranks what is not known.
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Fail { self } else { other }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl FailOn {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
        }
    }
}

/// Why a verdict is what it is, where the checks alone do not say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The manifest of what may be the newest run cannot be read.
    NewestRunUnreadable,
    /// Folders of a run's shards are absent, so what these sent is not known.
    ShardsMissing {
        run: String,
        shards: Vec<String>,
    },
    /// Nothing of a run was acked, within the scope where there is one.
    NothingAcked {
        run: String,
        is_scoped: bool,
    },
    /// The records of what a replay sent cannot be read.
    ExpectationUnreadable {
        run: String,
        why: String,
    },
    /// The source of a replay is gone or changed, so in which columns rows differ is not known of all.
    SourceUnavailable {
        run: String,
        why: String,
    },
    /// Of files, which may hold anything, the first and how many others.
    NotRead {
        file: String,
        problem: String,
        /// Whether more rights would help.
        is_of_rights: bool,
        others: u64,
    },
    /// Of cold files that are no longer as a cache remembers them, with the same size and time of modification: the
    /// first, and how many others.
    ChangedUnseen {
        file: String,
        others: u64,
    },
    /// `--depth` left the rows out.
    NoRowJudged {
        depth: Depth,
    },
    NothingToJudge,
    /// Differences from plans in a column, and the check that would have judged them and did not run.
    Uncovered {
        column: String,
        differences: u64,
        check: &'static str,
    },
    /// No check that ran had anything to look at.
    NothingExamined,
    /// Acked spans that are neither found nor lost, and no check that says so was among those that ran.
    Undecided {
        spans: u64,
    },
    WarningsFail,
    /// Of `verify`: the call that was to bring spans to disk was refused.
    BarrierRefused {
        text: String,
    },
    SpansRefused {
        spans: u64,
    },
    /// Of a replay: what of its source could not be sent.
    SpansNotSent {
        spans: u64,
    },
    /// Of a replay: of the parts of its source that could not be read, the first and how many others.
    SourceNotRead {
        file: String,
        problem: String,
        others: u64,
    },
    OutcomeUnknown {
        spans: u64,
    },
    ThresholdMissed {
        threshold: String,
    },
    Interrupted,
    /// Of `verify --ui`: pages of the studio show something else than the files and the index lead to.
    PagesDiffer {
        studio: String,
        differences: u64,
    },
    /// Of `verify --ui`: what the studio's pages find is not known.
    IndexNotRead {
        why: String,
    },
}

/// The verdict so far, and its reasons.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) overall: Overall,
    pub(super) because: Vec<Reason>,
}

impl Settled {
    fn qualify(&mut self, overall: Overall, why: Reason) {
        self.overall = self.overall.or(overall);
        self.because.push(why);
    }
}

/// The verdict of the checks, and what keeps a silence from being a pass.
pub(super) fn settle(
    subject: &Subject<'_>,
    judgement: &Judgement,
    checked: &[Checked],
    differing: &[DifferingColumn],
) -> Settled {
    let open = |one: &Checked| matches!(one.verdict, Verdict::Inconclusive(_) | Verdict::Broken(_));
    let overall = if checked.iter().any(open) { Overall::Inconclusive } else { Overall::Pass };
    let mut settled = Settled { overall, because: Vec::new() };
    settle_runs(&mut settled, subject, judgement);
    settle_files(&mut settled, judgement);
    if !subject.allow_uncovered {
        for why in uncovered(differing, checked) {
            settled.qualify(Overall::Inconclusive, why);
        }
    }

    let looked = |one: &Checked| one.looked() && !matches!(one.verdict, Verdict::Inconclusive(_));
    if judgement.depth != Depth::Content {
        settled.because.push(Reason::NoRowJudged { depth: judgement.depth });
    } else if judgement.rows.total() == 0 {
        settled.qualify(Overall::Inconclusive, Reason::NothingToJudge);
    } else if !checked.iter().any(looked) {
        settled.qualify(Overall::Inconclusive, Reason::NothingExamined);
    }
    let undecided = undecided(judgement, checked);
    if judgement.depth == Depth::Content && undecided > 0 {
        settled.qualify(Overall::Inconclusive, Reason::Undecided { spans: undecided });
    }
    let mut changed = judgement.cache.iter().flat_map(|cache| &cache.differing);
    if let Some(file) = changed.next() {
        let others = changed.count() as u64;
        settled.qualify(Overall::Fail, Reason::ChangedUnseen { file: file.clone(), others });
    }
    let warned = |one: &Checked| matches!(one.verdict, Verdict::Noted(Severity::Warn, _));
    if checked.iter().any(|one| matches!(one.verdict, Verdict::Fail(_))) {
        settled.overall = Overall::Fail;
    } else if subject.fail_on == FailOn::Warn && checked.iter().any(warned) {
        settled.qualify(Overall::Fail, Reason::WarningsFail);
    }
    settled
}

fn settle_runs(settled: &mut Settled, subject: &Subject<'_>, judgement: &Judgement) {
    if subject.runs.newest_unreadable {
        settled.qualify(Overall::Inconclusive, Reason::NewestRunUnreadable);
    }
    for run in &judgement.judged {
        let known = subject.runs.at(run.index);
        let id = || known.id().to_string();
        let missing = known.missing();
        if !missing.is_empty() {
            let shards = missing.iter().map(ToString::to_string).collect();
            settled.qualify(Overall::Inconclusive, Reason::ShardsMissing { run: id(), shards });
        }
        let acked: u64 = run.services.iter().map(|service| service.acked).sum();
        if run.wanted && acked == 0 {
            let is_scoped = !judgement.scope.is_all();
            settled.qualify(Overall::Inconclusive, Reason::NothingAcked { run: id(), is_scoped });
        }
    }
    for (run, why) in &judgement.unreadable {
        let why = Reason::ExpectationUnreadable { run: run.to_string(), why: why.clone() };
        settled.qualify(Overall::Inconclusive, why);
    }
    let unexplained = judgement.unexplained.iter();
    settled.because.extend(
        unexplained.map(|(run, why)| Reason::SourceUnavailable { run: run.to_string(), why: why.clone() }),
    );
}

/// What this user may not look into may hold anything.
fn settle_files(settled: &mut Settled, judgement: &Judgement) {
    let mut places = judgement.not_read();
    let Some(first) = places.next() else { return };
    let why = Reason::NotRead {
        file: first.file.clone(),
        problem: first.problem.as_ref().map(ToString::to_string).unwrap_or_default(),
        is_of_rights: first.problem.as_ref().is_some_and(FileProblem::is_of_rights),
        others: places.count() as u64,
    };
    settled.qualify(Overall::Inconclusive, why);
}

/// Acked spans whose absence means nothing yet, less those that a check has spoken of.
fn undecided(judgement: &Judgement, checked: &[Checked]) -> u64 {
    let account = &judgement.account;
    let is_said = |one: &&Checked| one.check.finding == Finding::Undecided;
    let said = checked.iter().filter(is_said).filter_map(|one| one.verdict.findings());
    let said: u64 = said.map(|found| found.total).sum();
    account.acked.saturating_sub(account.settled).saturating_sub(said)
}
