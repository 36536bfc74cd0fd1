//! Stores whose cold files an engine judges: the report is the one of an audit that reads them itself.
//!
//! A share of the damages runs with the suite; `E2E_STORE_ENGINE_DAMAGES=all` is all of them.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use super::{
    bench::{Bench, without_waiting},
    stores,
};
use crate::{
    audit::{
        AuditOptions,
        report::AuditReport,
        verdict::{Overall, Reason},
    },
    contract::schema::Schema,
    proof::damages,
    store::{find::find_store, inventory, layout::Tier},
    testing::{
        engine::{Fault, InProcess},
        findings_json as json,
    },
};

/// So many damages are left out between two that run with the suite.
const STEP: usize = 37;

fn by(engine: &Arc<InProcess>) -> AuditOptions {
    AuditOptions { engine: Some(Arc::<InProcess>::clone(engine)), ..without_waiting() }
}

fn damages() -> impl Iterator<Item = damages::Planting> {
    let step =
        if std::env::var("E2E_STORE_ENGINE_DAMAGES").is_ok_and(|which| which == "all") { 1 } else { STEP };
    damages::every().step_by(step)
}

impl Bench {
    /// What reports call a cold file.
    fn shown(&self, file: &Path) -> String {
        let layout = find_store(Some(self.folder.path())).unwrap();
        let inventory = inventory::list(&layout, Tier::Cold);
        let found = inventory.files.into_iter().find(|found| found.place.local() == Some(file));
        found.unwrap().shown
    }
}

/// The first file that was not read, and how many others.
fn not_read(report: &AuditReport) -> Option<(&str, u64)> {
    report.because.iter().find_map(|why| match why {
        Reason::NotRead { file, others, .. } => Some((file.as_str(), *others)),
        _ => None,
    })
}

#[tokio::test]
async fn a_damaged_store_has_the_same_report() {
    let (mut wrong, engine) = (Vec::new(), Arc::<InProcess>::default());
    for damage in damages() {
        for (store, bench) in stores::of(&damage) {
            damage.apply(&bench).unwrap();
            let run = stores::run(&damage, &bench);
            let plain = bench.audit_by(&run, without_waiting()).await;
            let theirs = bench.audit_by(&run, by(&engine)).await;
            if json(&theirs) != json(&plain) {
                wrong.push(format!("{} on {store}", damage.name));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(engine.judged.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn what_does_not_come_as_it_was_sent_is_inconclusive_and_names_its_file() {
    for store in ["studio-0.82.1", "getting-started/studio-0.82.1"] {
        let bench = Bench::of(store, Schema::V2);
        let first = bench.shown(&bench.cold_files().unwrap()[0]);
        for run in ["none", "latest"] {
            for fault in Fault::ALL {
                let engine = Arc::new(InProcess { fault: Some(fault), ..InProcess::default() });
                let report = bench.audit_by(run, by(&engine)).await;
                let said = (report.overall, not_read(&report));
                let inconclusive = (Overall::Inconclusive, Some((first.as_str(), 0)));
                assert_eq!(said, inconclusive, "{fault:?} on {store}, run {run}");
            }
        }
    }
}

#[tokio::test]
async fn an_engine_that_fails_gets_the_rest_again_and_not_for_ever() {
    let bench = Bench::of("studio-0.82.1", Schema::V2);
    let plain = bench.audit_by("none", without_waiting()).await;
    let files = bench.cold_files().unwrap().len() as u64;
    let engine = Arc::new(InProcess { failures: 1, ..InProcess::default() });
    let report = bench.audit_by("none", by(&engine)).await;
    assert_eq!(json(&report), json(&plain));
    assert_eq!(engine.judged.load(Ordering::Relaxed), files);
    let broken = Arc::new(InProcess { is_dead: true, ..InProcess::default() });
    assert!(bench.try_audit_by("none", by(&broken)).await.is_err());
}
