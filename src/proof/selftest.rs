//! Plants every known defect, and demands its checks, all of them and nothing else.
//!
//! For each seed a clean store and clean runs come first, and must be silent. What needs no run is planted under each
//! schema. A defect that is wrongly told is an entry of the proof, not an error; an error is what keeps it from being
//! planted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, future::try_join, stream};
use tempfile::TempDir;
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{
    bench::Bench,
    changes::{Contents, Touched},
    damages::{self, Damage},
    fired::{beside_junjo, counts, fired},
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

/// What all defects of one seed are planted into.
struct Ground {
    seed: u64,
    stores: [(Schema, TempDir); 2],
    /// How many findings each check has by structure where nothing is planted.
    by_structure: BTreeMap<Scene, BTreeMap<String, u64>>,
    checks: Vec<Check>,
}

#[derive(Debug, Clone, Copy)]
enum Defect {
    Damage(&'static Damage, Schema),
    Fault(&'static Fault),
}

impl Defect {
    fn name(&self) -> &'static str {
        match self {
            Self::Damage(damage, _) => damage.0,
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
        let ground = Arc::new(Ground::make(seed, built_in()?, &mut proof.clean).await?);
        let planted = stream::iter(&defects).map(|defect| {
            let (ground, defect, handle) = (Arc::clone(&ground), *defect, Handle::current());
            async move { spawn_blocking(move || handle.block_on(ground.plant(defect))).await? }
        });
        let mut planted = planted.buffered(SIDE_BY_SIDE);
        while let Some(tried) = planted.try_next().await? {
            proof.tried.extend(tried);
            done += 1;
            progress(done, all);
        }
    }
    Ok(proof)
}

fn selected(only: &[String]) -> anyhow::Result<Vec<Defect>> {
    let of_both = damages::all()
        .flat_map(|damage| [Schema::V1, Schema::V2].map(|schema| Defect::Damage(damage, schema)));
    let defects: Vec<Defect> = of_both.chain(catalogue().iter().map(Defect::Fault)).collect();
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

impl Ground {
    /// Makes clean stores and runs, and notes what an audit says of them.
    async fn make(seed: u64, checks: Vec<Check>, clean: &mut Vec<CleanRun>) -> anyhow::Result<Self> {
        let [old, new] = [Schema::V1, Schema::V2].map(|schema| Box::pin(store::with_two_runs(schema, seed)));
        let (old, new) = try_join(old, new).await?;
        let mut ground = Self {
            seed,
            stores: [(Schema::V1, old), (Schema::V2, new)],
            by_structure: BTreeMap::new(),
            checks,
        };
        for schema in [Schema::V1, Schema::V2] {
            let bench = ground.bench(schema)?;
            for run in ["first", "latest", "none"] {
                let fired = fired(&bench.examine(&named_run(&bench, run)?, &ground.checks).await?);
                let what = format!("store of schema {}, run {run}, seed {seed}", schema.version());
                clean.push(CleanRun { what, fired });
            }
        }
        for scene in Scene::ALL {
            let trial = Box::pin(Trial::of(scene, None, seed)).await?;
            let fired = fired(&trial.audit("all").await?);
            clean.push(CleanRun { what: format!("run without a fault, {scene:?}, seed {seed}"), fired });
            ground.by_structure.insert(scene, counts(&trial.audit("none").await?));
        }
        Ok(ground)
    }

    fn bench(&self, schema: Schema) -> anyhow::Result<Bench> {
        let [(_, old), (_, new)] = &self.stores;
        let (store, other) = if schema == Schema::V1 { (old, new) } else { (new, old) };
        Bench::copy(store.path(), schema, other.path())
    }

    async fn plant(&self, defect: Defect) -> anyhow::Result<Vec<Tried>> {
        match defect {
            Defect::Damage(damage, schema) => self.damage(damage, schema).await,
            Defect::Fault(fault) => Box::pin(self.fault(fault)).await,
        }
    }

    async fn damage(
        &self,
        (name, run, apply, fires): &'static Damage,
        schema: Schema,
    ) -> anyhow::Result<Vec<Tried>> {
        let bench = self.bench(schema)?;
        let spans = bench.folder.path().join("spans");
        let before = Contents::of(&spans, schema)?;
        apply(&bench)?;
        let touched = before.touched(&Contents::of(&spans, schema)?);
        let mut audits = vec![(*run, *fires)];
        if *run != "none" {
            audits.push(("none", damages::by_structure(name)));
        }
        let mut tried = Vec::new();
        for (run, expected) in audits {
            let report = bench.examine(&named_run(&bench, run)?, &self.checks).await?;
            let found = beside_junjo(&fired(&report));
            let mut wrong = differences(expected, &found);
            // What was done to a ledger is at no place of the store.
            if touched.places() > 0 {
                wrong.extend(
                    Some(touched.astray(&report)).filter(|astray| !astray.is_empty()).map(Wrong::Astray),
                );
            }
            tried.push(Tried {
                defect: (*name).to_owned(),
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
fn named_run(bench: &Bench, run: &str) -> anyhow::Result<String> {
    if run == "first" { bench.first_run() } else { Ok(run.to_owned()) }
}

/// Once, and into the first spans, which every run has.
fn once(fault: &'static Fault) -> FaultSpec {
    let trigger = match fault.opportunity() {
        "export" => Trigger::Nth(5),
        "span" => Trigger::Nth(1),
        _ => fault.trigger,
    };
    FaultSpec { fault, trigger }
}

/// How what fired differs from what should have, both as a text of checks with their findings.
fn differences(expected: &str, fired: &str) -> Vec<Wrong> {
    let parts = |text: &str| text.split("; ").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let (expected, fired): (BTreeSet<String>, BTreeSet<String>) = (parts(expected), parts(fired));
    let only = |these: &BTreeSet<String>, others: &BTreeSet<String>| {
        let only: Vec<&str> = these.difference(others).map(String::as_str).collect();
        (!only.is_empty()).then(|| only.join("; "))
    };
    let missed = only(&expected, &fired).map(Wrong::Missed);
    missed.into_iter().chain(only(&fired, &expected).map(Wrong::FalseAlarm)).collect()
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
    let told = |checks: Vec<&str>| (!checks.is_empty()).then(|| checks.join(", "));
    told(missed).map(Wrong::Missed).into_iter().chain(told(alarms).map(Wrong::FalseAlarm)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_what_was_missed_and_what_should_be_silent() {
        let missed = |text: &str| Wrong::Missed(text.to_owned());
        let alarm = |text: &str| Wrong::FalseAlarm(text.to_owned());
        assert_eq!(differences("a: 1; b: info, 2", "a: 1; b: info, 2"), []);
        assert_eq!(differences("a: 1; b: 2", "a: 1"), [missed("b: 2")]);
        assert_eq!(differences("a: 1", "a: 2"), [missed("a: 1"), alarm("a: 2")]);
        assert_eq!(differences("", "c: 3"), [alarm("c: 3")]);
        let expected = Expected { all: &["a"], any: &["b", "c"], also: &["d"] };
        let found = |checks: &[&str]| checks.iter().map(|check| ((*check).to_owned(), 1)).collect();
        assert_eq!(unlike(&expected, &found(&["a", "c", "d"])), []);
        assert_eq!(unlike(&expected, &found(&["a", "e"])), [missed("b, c"), alarm("e")]);
        assert_eq!(unlike(&expected, &found(&["b"])), [missed("a")]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_defect_is_found_by_its_checks_where_it_is_and_nothing_else_is() {
        let proof = run(&Selection { seeds: 1, only: Vec::new() }, |_, _| {}).await.unwrap();
        let alarms: Vec<_> = proof.clean.iter().filter(|clean| !clean.fired.is_empty()).collect();
        assert!(alarms.is_empty(), "{alarms:#?}");
        let wrong: Vec<_> = proof.tried.iter().filter(|tried| !tried.wrong.is_empty()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// A check without its query is a check that finds nothing: whatever it is to find is then missed.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_its_query_each_check_is_missed() {
        let mut ground = Ground::make(0, built_in().unwrap(), &mut Vec::new()).await.unwrap();
        let mut of_check: BTreeMap<&str, &'static Damage> = BTreeMap::new();
        for damage in damages::all() {
            let (.., fires) = damage;
            for check in
                fires.split("; ").filter_map(|fired| fired.split(':').next()).filter(|id| !id.is_empty())
            {
                of_check.entry(check).or_insert(damage);
            }
        }
        assert!(of_check.len() > 25, "{:?}", of_check.keys());
        for (check, damage) in of_check {
            ground.checks = built_in().unwrap();
            let gone = ground.checks.iter_mut().find(|one| one.id == check).unwrap();
            gone.sql = format!("SELECT * FROM (\n{}\n) WHERE false", gone.sql);
            let tried = ground.damage(damage, Schema::V2).await.unwrap();
            let is_missed = |wrong: &Wrong| matches!(wrong, Wrong::Missed(missed) if missed.contains(check));
            assert!(tried.iter().any(|tried| tried.wrong.iter().any(is_missed)), "{check}: {tried:?}");
        }
    }
}
