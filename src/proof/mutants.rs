//! Mutants of the checks: small mistakes in their SQL, each of which some planted defect has to show.
//!
//! A store that was judged once is asked by a check and by its mutants. One that finds anything else than the check is
//! killed: by what the matrix demands of that defect, by another number of findings or verdict, or by the rows alone;
//! those that the matrix has not killed go on. What lives through the whole library and all faults is equivalent, with a
//! reason in [`EQUIVALENT`](equivalent::EQUIVALENT), or the matrix lacks a case. `scripts/mutants` runs it.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::timeout;

use self::{
    equivalent::EQUIVALENT,
    found::{Found, Kill},
    subjects::{Subject, subjects},
};
use super::{
    damages::{self, Ground, Planting},
    selftest::{Grounds, named_run, on_a_thread, once},
    trial::{Scene, Trial},
};
use crate::{
    audit::{AuditOptions, Judging, read},
    checks::{
        catalog::{Check, built_in},
        findings::SampleLimits,
        runner::run_checks,
    },
    contract::schema::Schema,
    judge::{reading::OldFiles, runs::choose_runs},
    standin::faults::{Fault, catalogue},
    store::find::find_store,
};

mod equivalent;
mod figures;
mod found;
mod mutate;
mod subjects;

/// More than any finding of a planted defect.
const SAMPLES: usize = 100_000;

/// Cases that are asked about at the same time.
const SIDE_BY_SIDE: usize = 2;

/// A mutant that joins everything with everything is given up for this case, not for the others.
const LONGEST: Duration = Duration::from_secs(20);

/// All subjects, and the cases that they were asked about.
struct Hunt {
    subjects: Vec<Subject>,
    cases: usize,
}

/// A store to ask about.
struct Case {
    what: String,
    store: PathBuf,
    runs: PathBuf,
    run: String,
    /// Those of the checks that a text speaks of are asked; all where there is none.
    of: Option<&'static str>,
    /// What the matrix demands, where it does.
    demand: Option<String>,
    options: AuditOptions,
}

/// One number of a subject, and those of its mutants.
type Asked = (usize, Vec<usize>);

impl Hunt {
    fn alive(&self) -> usize {
        self.subjects.iter().map(|subject| subject.alive().count()).sum()
    }

    /// Those that the matrix has not killed.
    fn asked(&self, of: Option<&str>) -> Vec<Asked> {
        let is_meant = |subject: &Subject| of.is_none_or(|text| text.contains(subject.check.as_str()));
        let open = |subject: &Subject| {
            let mutants = subject.mutants.iter().enumerate();
            mutants.filter(|(_, mutant)| mutant.is_open()).map(|(number, _)| number).collect::<Vec<_>>()
        };
        let meant = self.subjects.iter().enumerate().filter(|(_, subject)| is_meant(subject));
        meant.map(|(number, subject)| (number, open(subject))).filter(|(_, open)| !open.is_empty()).collect()
    }
}

#[expect(clippy::print_stderr, reason = "a hunt takes minutes, and tells how far it is")]
fn tell(what: &str) {
    eprintln!("{what}");
}

fn locked(hunt: &Mutex<Hunt>) -> std::sync::MutexGuard<'_, Hunt> {
    hunt.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn ask(judging: &Judging, check: Check) -> Option<Found> {
    let keeping = SampleLimits { samples: SAMPLES, baseline: None, all_ids: false };
    let asking = run_checks(&judging.session, &judging.tables, &judging.judged, vec![check], keeping);
    let checked = timeout(LONGEST, asking).await.ok()?;
    checked.first().map(Found::of)
}

impl Case {
    async fn ask(self, hunt: &Mutex<Hunt>) -> anyhow::Result<()> {
        let asked = locked(hunt).asked(self.of);
        if asked.is_empty() {
            return Ok(());
        }
        locked(hunt).cases += 1;
        let layout = find_store(Some(&self.store))?;
        let runs = choose_runs(&self.runs, self.run.as_str(), &layout)?;
        let judging = read(&layout, &runs, &self.options, |_| {}).await?;
        for (number, mutants) in asked {
            let (original, check, demand) = {
                let subject = &locked(hunt).subjects[number];
                let demand = self.demand.as_deref().filter(|_| subject.is_of_matrix);
                (subject.original.clone(), subject.check.clone(), demand)
            };
            let right = ask(&judging, original.clone()).await.context("a check takes too long")?;
            assert!(right.verdict != "broken", "{}: {}", original.id, right.rows.concat());
            for mutant in mutants {
                let sql = locked(hunt).subjects[number].mutants[mutant].sql.clone();
                let found = ask(&judging, Check { sql, ..original.clone() }).await;
                let mut hunt = locked(hunt);
                let candidate = &mut hunt.subjects[number].mutants[mutant];
                match found {
                    None => tell(&format!("gave up {}: {}, {}", original.id, candidate.name, self.what)),
                    Some(found) if found.verdict == "broken" => {
                        tell(&format!(
                            "refused {}: {}: {}",
                            original.id,
                            candidate.name,
                            found.rows.concat()
                        ));
                        candidate.is_refused = true;
                    }
                    Some(found) => {
                        let kill = Kill::of(&check, &right, &found, demand);
                        candidate.was_shown(kill, &self.what);
                    }
                }
            }
        }
        Ok(())
    }
}

fn usual() -> anyhow::Result<AuditOptions> {
    Ok(AuditOptions { wait: false, ..AuditOptions::of(built_in()?) })
}

/// As everything had been acked long ago.
fn settled() -> anyhow::Result<AuditOptions> {
    Ok(AuditOptions { settle: Duration::ZERO, old_files: OldFiles::Read, ..usual()? })
}

/// What is planted, and which checks are asked about it.
#[derive(Debug, Clone, Copy)]
enum Job {
    Clean(Ground, Schema),
    Damage(Planting, Schema, Whom),
    Run(Scene),
    Fault(&'static Fault),
}

#[derive(Debug, Clone, Copy)]
enum Whom {
    /// Those that it fires: most of their mutants are killed by it.
    Fired,
    All,
}

impl Job {
    async fn perform(self, grounds: &Grounds, hunt: &Mutex<Hunt>) -> anyhow::Result<()> {
        match self {
            Self::Clean(ground, schema) => {
                let bench = grounds.bench(ground, schema)?;
                for run in ground.runs() {
                    let case = Case {
                        what: format!("{ground:?} of schema {}, run {run}", schema.version()),
                        store: bench.folder.path().to_owned(),
                        runs: bench.runs(),
                        run: named_run(&bench, run)?,
                        of: None,
                        demand: Some(String::new()),
                        options: usual()?,
                    };
                    case.ask(hunt).await?;
                }
            }
            Self::Damage(damage, schema, whom) => {
                let of = |fires: &'static str| match whom {
                    Whom::All => None,
                    Whom::Fired => Some(fires),
                };
                if damage.audits().all(|(_, fires)| locked(hunt).asked(of(fires)).is_empty()) {
                    return Ok(());
                }
                let bench = grounds.bench(damage.ground, schema)?;
                damage.apply(&bench)?;
                for (run, fires) in damage.audits() {
                    let case = Case {
                        what: format!("{} of schema {}, run {run}", damage.name, schema.version()),
                        store: bench.folder.path().to_owned(),
                        runs: bench.runs(),
                        run: named_run(&bench, run)?,
                        of: of(fires),
                        demand: Some(fires.to_owned()),
                        options: usual()?,
                    };
                    case.ask(hunt).await?;
                }
            }
            Self::Run(scene) => {
                let trial = Box::pin(Trial::of(scene, None, 0)).await?;
                of_trial(&format!("{scene:?}"), &trial, Some(String::new()), hunt).await?;
            }
            Self::Fault(fault) => {
                let expected = fault.expected();
                let certain = expected.all.iter().map(|check| (*check).to_owned());
                let possible = expected.any.iter().chain(expected.also).map(|check| format!("may {check}"));
                let demand = certain.chain(possible).collect::<Vec<_>>().join("; ");
                let scene = Scene::of(fault.opportunity());
                let trial = Box::pin(Trial::of(scene, Some(once(fault)), 0)).await?;
                of_trial(&fault.name, &trial, Some(demand), hunt).await?;
            }
        }
        Ok(())
    }
}

async fn of_trial(
    what: &str,
    trial: &Trial,
    demand: Option<String>,
    hunt: &Mutex<Hunt>,
) -> anyhow::Result<()> {
    for (run, demand) in [("all", demand), ("none", None)] {
        let case = Case {
            what: format!("{what}, run {run}"),
            store: trial.store(),
            runs: trial.runs(),
            run: run.to_owned(),
            of: None,
            demand,
            options: settled()?,
        };
        case.ask(hunt).await?;
    }
    Ok(())
}

/// The cheapest come first: what a clean store or its own damages kill is asked no more.
fn phases(grounds: &Grounds) -> [(&'static str, Vec<Job>); 4] {
    let damages = |whom: Whom| {
        let each = damages::every().flat_map(|damage| damage.schemas.iter().map(move |at| (damage, *at)));
        each.map(|(damage, schema)| Job::Damage(damage, schema, whom)).collect()
    };
    let runs = Scene::ALL.into_iter().map(Job::Run).chain(catalogue().iter().map(Job::Fault));
    [
        ("clean stores", grounds.all().map(|(ground, schema)| Job::Clean(ground, schema)).collect()),
        ("damages, by the checks that they fire", damages(Whom::Fired)),
        ("runs and faults", runs.collect()),
        ("damages", damages(Whom::All)),
    ]
}

/// `report` is called after each phase, so that a hunt that is ended tells what it knows.
async fn hunt(report: impl Fn(&Hunt)) -> anyhow::Result<Hunt> {
    let hunt = Arc::new(Mutex::new(Hunt { subjects: subjects()?, cases: 0 }));
    let grounds = Arc::new(Box::pin(Grounds::make(0, built_in()?, &mut Vec::new())).await?);
    let began = Instant::now();
    for (phase, jobs) in phases(&grounds) {
        let jobs = stream::iter(jobs).map(|job| {
            let (hunt, grounds) = (Arc::clone(&hunt), Arc::clone(&grounds));
            on_a_thread(move || async move { job.perform(&grounds, &hunt).await })
        });
        jobs.buffer_unordered(SIDE_BY_SIDE).try_collect::<()>().await?;
        let hunt = locked(&hunt);
        tell(&format!("{phase}: {} alive after {} s", hunt.alive(), began.elapsed().as_secs()));
        report(&hunt);
    }
    let hunt = Arc::into_inner(hunt).context("a job goes on")?;
    Ok(hunt.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn reason(check: &str, mutant: &str) -> Option<&'static str> {
    EQUIVALENT.iter().find(|(of, name, _)| (*of, *name) == (check, mutant)).map(|(.., reason)| *reason)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `scripts/mutants` runs it"]
async fn each_mutant_of_a_check_is_killed_or_has_a_reason_to_live() {
    let file = std::env::var("E2E_STORE_MUTANTS");
    let report = |hunt: &Hunt| {
        if let Ok(file) = &file {
            std::fs::write(file, figures::page(hunt)).unwrap();
        }
    };
    let hunt = hunt(report).await.unwrap();
    let each = |subject| Subject::alive(subject).map(|mutant| (&*subject.original.id, &*mutant.name));
    let alive: BTreeSet<(&str, &str)> = hunt.subjects.iter().flat_map(each).collect();
    let unexplained: Vec<_> =
        alive.iter().filter(|(check, mutant)| reason(check, mutant).is_none()).collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    let stale: Vec<_> =
        EQUIVALENT.iter().filter(|(check, name, _)| !alive.contains(&(*check, *name))).collect();
    assert!(stale.is_empty(), "killed, though they are listed as equivalent: {stale:#?}");
    let judged: usize = hunt.subjects.iter().map(|subject| subject.judged().count()).sum();
    let killed = judged - hunt.alive();
    assert!(killed * 100 >= judged * 95, "{killed} of {judged} killed");
}
