//! Plants every known defect, and demands its checks, all of them and nothing else.
//!
//! For each seed a clean store and clean runs come first, and must be silent. What needs no run is planted under each
//! schema. A defect that is wrongly told is an entry of the proof, not an error; an error is what keeps it from being
//! planted.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context;
use futures::{
    StreamExt, TryStreamExt,
    future::{try_join, try_join4},
    stream,
};
use tempfile::TempDir;
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{
    bench::Bench,
    changes::{Contents, Touched},
    damages::{self, Ground, Planting},
    expectation::differences,
    fired::{counts, fired, fired_of},
    store,
    trial::{Scene, Trial},
};
use crate::{
    base::problem::Problem,
    checks::catalog::{Check, built_in},
    contract::schema::Schema,
    standin::faults::{
        Fault, catalogue,
        expected::Expected,
        spec::{FaultSpec, Trigger},
    },
};

/// What is planted side by side: a planted fault waits more than it computes.
const SIDE_BY_SIDE: usize = 4;

/// What to plant.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) seeds: u64,
    /// Names of defects; all where there are none.
    pub(crate) only: Vec<String>,
    /// Clean runs beside those of the seeds.
    pub(crate) clean: u64,
}

/// What came of all.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    pub(crate) seeds: u64,
    /// In the order of the library, seed by seed.
    pub(crate) tried: Vec<Tried>,
    pub(crate) clean: Vec<CleanRun>,
}

/// An audit of what nothing was done to.
#[derive(Debug, Clone)]
pub(crate) struct CleanRun {
    pub(crate) what: String,
    pub(crate) fired: String,
}

/// A defect that was planted once, and one audit of it.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    pub(crate) defect: String,
    pub(crate) kind: DefectKind,
    pub(crate) schema: Schema,
    pub(crate) seed: u64,
    /// The run that was held against: `none` is by structure alone.
    pub(crate) run: &'static str,
    pub(crate) expected: String,
    pub(crate) fired: String,
    /// Spans, or files, that were hit.
    pub(crate) places: usize,
    pub(crate) wrong: Vec<Wrong>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DefectKind {
    Damage,
    Fault,
}

/// How the auditor was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Nothing was there to be hit: the proof is wrong, not the auditor.
    NotPlanted,
    /// These checks should have fired, or with other findings.
    Missed(String),
    /// These should not have.
    FalseAlarm(String),
    /// Findings are of something else than what was hit.
    Astray(Vec<String>),
    /// Spans that were hit and are not named.
    Unnamed(Vec<String>),
}

impl Wrong {
    /// What was missed, and what should have been silent; nothing where neither is.
    pub(super) fn of_checks(missed: &[&str], alarms: &[&str], between: &str) -> Vec<Self> {
        let told = |checks: &[&str]| (!checks.is_empty()).then(|| checks.join(between));
        told(missed).map(Self::Missed).into_iter().chain(told(alarms).map(Self::FalseAlarm)).collect()
    }
}

/// What all defects of one seed are planted into.
pub(super) struct Grounds {
    seed: u64,
    stores: BTreeMap<(Ground, Schema), TempDir>,
    /// How many findings each check has by structure where nothing is planted.
    by_structure: BTreeMap<Scene, BTreeMap<String, u64>>,
    checks: Vec<Check>,
}

#[derive(Debug, Clone, Copy)]
enum Defect {
    Damage(Planting, Schema),
    Fault(&'static Fault),
}

impl Defect {
    fn name(&self) -> &'static str {
        match self {
            Self::Damage(damage, _) => damage.name,
            Self::Fault(fault) => &fault.name,
        }
    }
}

/// Plants what is selected; `progress` is told how many are done, of how many.
pub(crate) async fn run(
    selection: &Selection,
    mut progress: impl FnMut(usize, usize),
) -> anyhow::Result<Proof> {
    let defects = selected(&selection.only)?;
    let all = defects.len() * usize::try_from(selection.seeds)?;
    let mut proof = Proof { seeds: selection.seeds, ..Proof::default() };
    let mut done = 0;
    for seed in 0..selection.seeds {
        let ground = Arc::new(Grounds::make(seed, built_in()?, &mut proof.clean).await?);
        let planted = stream::iter(&defects).map(|defect| {
            let (ground, defect) = (Arc::clone(&ground), *defect);
            on_a_thread(move || async move { ground.plant(defect).await })
        });
        let mut planted = planted.buffered(SIDE_BY_SIDE);
        while let Some(tried) = planted.try_next().await? {
            proof.tried.extend(tried);
            done += 1;
            progress(done, all);
        }
    }
    let clean = stream::iter(0..selection.clean).map(|number| {
        // Of other traffic than the seeds'.
        let seed = selection.seeds + number;
        on_a_thread(move || clean_run(Scene::Plain, seed))
    });
    let mut clean = clean.buffered(SIDE_BY_SIDE);
    while let Some(run) = clean.try_next().await? {
        proof.clean.push(run);
    }
    Ok(proof)
}

/// Does work of which a part computes for long, on a thread that may.
pub(super) async fn on_a_thread<T, F>(work: impl FnOnce() -> F + Send + 'static) -> anyhow::Result<T>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>>,
{
    let handle = Handle::current();
    spawn_blocking(move || handle.block_on(work())).await?
}

async fn clean_run(scene: Scene, seed: u64) -> anyhow::Result<CleanRun> {
    let trial = Box::pin(Trial::of(scene, None, seed)).await?;
    let fired = fired(&trial.audit("all").await?);
    Ok(CleanRun { what: format!("run without a fault, {scene:?}, seed {seed}"), fired })
}

fn selected(only: &[String]) -> anyhow::Result<Vec<Defect>> {
    let damages = damages::every()
        .flat_map(|damage| damage.schemas.iter().map(move |schema| Defect::Damage(damage, *schema)));
    let defects: Vec<Defect> = damages.chain(catalogue().iter().map(Defect::Fault)).collect();
    let unknown = only.iter().find(|name| defects.iter().all(|defect| defect.name() != *name));
    if let Some(unknown) = unknown {
        let what = format!("unknown defect `{unknown}`");
        return Err(Problem::new(
            what,
            "`e2e-store selftest` names them all, and `e2e-store faults` the faults",
        )
        .into());
    }
    let is_wanted = |defect: &Defect| only.is_empty() || only.iter().any(|name| name == defect.name());
    Ok(defects.into_iter().filter(is_wanted).collect())
}

impl Grounds {
    /// Makes clean stores and runs, and notes what an audit says of them.
    pub(super) async fn make(
        seed: u64,
        checks: Vec<Check>,
        clean: &mut Vec<CleanRun>,
    ) -> anyhow::Result<Self> {
        let (old, new) = (Schema::V1, Schema::V2);
        let made = Box::pin(try_join4(
            try_join(store::with_two_runs(old, seed), store::with_two_runs(new, seed)),
            try_join(store::of_apps(old, seed), store::of_apps(new, seed)),
            store::of_executions(seed),
            store::of_edge_values(seed),
        ));
        let ((old_runs, new_runs), (old_apps, new_apps), executions, edge_values) = made.await?;
        let stores = BTreeMap::from([
            ((Ground::Runs, old), old_runs),
            ((Ground::Runs, new), new_runs),
            ((Ground::Apps, old), old_apps),
            ((Ground::Apps, new), new_apps),
            ((Ground::Executions, new), executions),
            ((Ground::EdgeValues, new), edge_values),
        ]);
        let mut grounds = Self { seed, stores, by_structure: BTreeMap::new(), checks };
        for (ground, schema) in grounds.stores.keys().copied() {
            let bench = grounds.bench(ground, schema)?;
            for run in ground.runs() {
                let fired = fired(&bench.examine(&named_run(&bench, run)?, &grounds.checks).await?);
                let what = format!("{ground:?}, schema {}, run {run}, seed {seed}", schema.version());
                clean.push(CleanRun { what, fired });
            }
        }
        for scene in Scene::ALL {
            let trial = Box::pin(Trial::of(scene, None, seed)).await?;
            let fired = fired(&trial.audit("all").await?);
            clean.push(CleanRun { what: format!("run without a fault, {scene:?}, seed {seed}"), fired });
            grounds.by_structure.insert(scene, counts(&trial.audit("none").await?));
        }
        Ok(grounds)
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = (Ground, Schema)> {
        self.stores.keys().copied()
    }

    pub(super) fn bench(&self, ground: Ground, schema: Schema) -> anyhow::Result<Bench> {
        let other = if schema == Schema::V1 { Schema::V2 } else { Schema::V1 };
        let of = |ground, schema| self.stores.get(&(ground, schema)).context("no such store");
        Bench::copy(of(ground, schema)?.path(), schema, of(Ground::Runs, other)?.path())
    }

    async fn plant(&self, defect: Defect) -> anyhow::Result<Vec<Tried>> {
        match defect {
            Defect::Damage(damage, schema) => self.damage(damage, schema).await,
            Defect::Fault(fault) => Box::pin(self.fault(fault)).await,
        }
    }

    async fn damage(&self, damage: Planting, schema: Schema) -> anyhow::Result<Vec<Tried>> {
        let bench = self.bench(damage.ground, schema)?;
        let spans = bench.folder.path().join("spans");
        let before = Contents::of(&spans, schema)?;
        damage.apply(&bench)?;
        let touched = before.touched(&Contents::of(&spans, schema)?);
        let mut tried = Vec::new();
        for (run, expected) in damage.audits() {
            let report = bench.examine(&named_run(&bench, run)?, &self.checks).await?;
            let found = fired_of(&report, expected);
            let mut wrong = differences(expected, &found);
            // What was done to a ledger is at no place of the store.
            if touched.places() > 0 {
                wrong.extend(
                    Some(touched.astray(&report)).filter(|astray| !astray.is_empty()).map(Wrong::Astray),
                );
            }
            tried.push(Tried {
                defect: damage.name.to_owned(),
                kind: DefectKind::Damage,
                schema,
                seed: self.seed,
                run,
                expected: expected.to_owned(),
                fired: found,
                places: touched.places(),
                wrong,
            });
        }
        Ok(tried)
    }

    async fn fault(&self, fault: &'static Fault) -> anyhow::Result<Vec<Tried>> {
        let scene = Scene::of(fault.opportunity());
        let trial = Trial::of(scene, Some(once(fault)), self.seed).await?;
        let hits = trial.strikes.as_ref().map_or(&[][..], |strikes| &strikes.hits);
        let touched = Touched::by(hits);
        let expected = fault.expected();
        let tried = |run, expected: String, fired, wrong| Tried {
            defect: fault.name.clone(),
            kind: DefectKind::Fault,
            schema: Schema::V2,
            seed: self.seed,
            run,
            expected,
            fired,
            places: touched.places(),
            wrong,
        };

        let report = trial.audit("all").await?;
        let mut wrong = Vec::new();
        if hits.is_empty() {
            wrong.push(Wrong::NotPlanted);
        }
        wrong.extend(unlike(&expected, &counts(&report)));
        let primary = || expected.all.iter().chain(expected.any).copied();
        if primary().next().is_some() {
            let astray = touched.astray(&report);
            wrong.extend(Some(astray).filter(|astray| !astray.is_empty()).map(Wrong::Astray));
            let unnamed =
                if fault.ends_the_service() { Vec::new() } else { touched.unnamed(&report, primary()) };
            wrong.extend(Some(unnamed).filter(|unnamed| !unnamed.is_empty()).map(Wrong::Unnamed));
        }
        let mut all = vec![tried("all", expected.to_string(), fired(&report), wrong)];

        let shown = fault.shown_by_structure();
        if !shown.is_empty() {
            let found = counts(&trial.audit("none").await?);
            let before = &self.by_structure[&scene];
            let missed = |check: &&&str| found.get(**check) <= before.get(**check);
            let missed: Vec<&str> = shown.iter().filter(missed).copied().collect();
            let missed = Some(missed.join(", ")).filter(|missed| !missed.is_empty()).map(Wrong::Missed);
            let is_more =
                |(check, found): &(&String, &u64)| before.get(*check).is_none_or(|before| *found > before);
            let more: Vec<&str> = found.iter().filter(is_more).map(|(check, _)| check.as_str()).collect();
            all.push(tried("none", shown.join(", "), more.join(", "), missed.into_iter().collect()));
        }
        Ok(all)
    }
}

/// `first` is the run in the cold file.
pub(crate) fn named_run(bench: &Bench, run: &str) -> anyhow::Result<String> {
    if run == "first" { bench.first_run() } else { Ok(run.to_owned()) }
}

/// Once, and into the first spans, which every run has.
pub(super) fn once(fault: &'static Fault) -> FaultSpec {
    let trigger = match fault.opportunity() {
        "export" => Trigger::Nth(5),
        "span" => Trigger::Nth(1),
        _ => fault.trigger,
    };
    FaultSpec { fault, trigger }
}

/// How what was found differs from what a fault is expected to fire.
fn unlike(expected: &Expected, found: &BTreeMap<String, u64>) -> Vec<Wrong> {
    let mut missed: Vec<&str> =
        expected.all.iter().filter(|check| !found.contains_key(**check)).copied().collect();
    if !expected.any.is_empty() && !expected.any.iter().any(|check| found.contains_key(*check)) {
        missed.extend(expected.any);
    }
    let is_known =
        |check: &&str| [expected.all, expected.any, expected.also].iter().any(|of| of.contains(check));
    let alarms: Vec<&str> = found.keys().map(String::as_str).filter(|check| !is_known(check)).collect();
    Wrong::of_checks(&missed, &alarms, ", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::proof::expectation::demanded;

    #[test]
    fn a_fault_misses_what_it_demands_and_alarms_by_what_it_does_not_know() {
        let missed = |text: &str| Wrong::Missed(text.to_owned());
        let alarm = |text: &str| Wrong::FalseAlarm(text.to_owned());
        let expected = Expected { all: &["a"], any: &["b", "c"], also: &["d"] };
        let found = |checks: &[&str]| checks.iter().map(|check| ((*check).to_owned(), 1)).collect();
        assert_eq!(unlike(&expected, &found(&["a", "c", "d"])), []);
        assert_eq!(unlike(&expected, &found(&["a", "e"])), [missed("b, c"), alarm("e")]);
        assert_eq!(unlike(&expected, &found(&["b"])), [missed("a")]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_defect_is_found_by_its_checks_where_it_is_and_nothing_else_is() {
        let proof = run(&Selection { seeds: 1, only: Vec::new(), clean: 0 }, |_, _| {}).await.unwrap();
        let alarms: Vec<_> = proof.clean.iter().filter(|clean| !clean.fired.is_empty()).collect();
        assert!(alarms.is_empty(), "{alarms:#?}");
        let wrong: Vec<_> = proof.tried.iter().filter(|tried| !tried.wrong.is_empty()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// A name selects one damage, and is a key of the proof.
    #[test]
    fn no_name_is_given_to_two_defects() {
        let names =
            damages::every().map(|damage| damage.name).chain(catalogue().iter().map(|fault| &*fault.name));
        let mut known = BTreeSet::new();
        let twice: Vec<&str> = names.filter(|name| !known.insert(name.to_string())).collect();
        assert_eq!(twice, Vec::<&str>::new());
    }

    /// A check without its query is a check that finds nothing: whatever it is to find is then missed.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_its_query_each_check_is_missed() {
        let mut grounds = Grounds::make(0, built_in().unwrap(), &mut Vec::new()).await.unwrap();
        let mut of_check: BTreeMap<&str, Planting> = BTreeMap::new();
        for damage in damages::every() {
            for check in demanded(damage.fires) {
                of_check.entry(check).or_insert(damage);
            }
        }
        let all: Vec<String> = built_in().unwrap().into_iter().map(|check| check.id).collect();
        let uncovered: Vec<&String> = all.iter().filter(|check| !of_check.contains_key(&***check)).collect();
        assert_eq!(uncovered, Vec::<&String>::new());
        for (check, damage) in of_check {
            grounds.checks = built_in().unwrap();
            let gone = grounds.checks.iter_mut().find(|one| one.id == check).unwrap();
            gone.sql = format!("SELECT * FROM (\n{}\n) WHERE false", gone.sql);
            let tried = grounds.damage(damage, *damage.schemas.last().unwrap()).await.unwrap();
            let is_missed = |wrong: &Wrong| matches!(wrong, Wrong::Missed(missed) if missed.contains(check));
            assert!(tried.iter().any(|tried| tried.wrong.iter().any(is_missed)), "{check}: {tried:?}");
        }
    }
}
