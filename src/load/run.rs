//! One run from its order to its manifest.

use std::{
    collections::HashSet,
    path::PathBuf,
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use petname::Petnames;
use rand::{SeedableRng, rngs::StdRng};
use tokio::sync::watch;

use super::{rounds, summary::Summary};
use crate::{
    clock::unix_nanos,
    ledger::{
        manifest::{Manifest, Results},
        runs,
        writer::LedgerWriter,
    },
    problem::Problem,
    traffic::plan::Plan,
    wire::{exporter::Exporter, target::Target},
};

/// Every service has a connection of its own.
const MAX_SERVICES: u64 = 10_000;

/// What to send, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) endpoint: Target,
    pub(crate) api_key: String,
    pub(crate) timeout: Duration,
    pub(crate) services: Services,
    pub(crate) workflows_per_service: u64,
    pub(crate) concurrency: u64,
    pub(crate) seed: u64,
    /// Where runs are kept.
    pub(crate) runs: PathBuf,
    /// The store behind the endpoint, where it is known.
    pub(crate) data_dir: Option<PathBuf>,
}

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Services {
    /// So many, under names drawn from the seed.
    Drawn(u64),
    Named(String),
}

/// A run whose connections stand and whose folder is written.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) manifest: Manifest,
    pub(crate) folder: PathBuf,
    plan: Plan,
    exporters: Vec<Exporter>,
    ledger: LedgerWriter,
    concurrency: u64,
}

/// A run that has been sent. The ledger stays open for the barrier.
#[derive(Debug)]
pub(crate) struct Performed {
    pub(crate) manifest: Manifest,
    pub(crate) folder: PathBuf,
    pub(crate) ledger: LedgerWriter,
    pub(crate) summary: Summary,
    pub(crate) elapsed: Duration,
}

/// Connects every service's exporter, and only then writes the run's folder.
pub(crate) async fn prepare(order: &Order) -> anyhow::Result<Prepared> {
    let services = match &order.services {
        Services::Drawn(count) if *count > MAX_SERVICES => {
            let what = format!("{count} services would need as many connections");
            return Err(
                Problem::new(what, format!("plan at most {MAX_SERVICES}, with more workflows each")).into()
            );
        }
        Services::Drawn(count) => draw_names(*count, order.seed),
        Services::Named(name) => vec![name.clone()],
    };
    let now = unix_nanos();
    let plan = Plan {
        run: runs::draw_id(&order.runs),
        seed: order.seed,
        services,
        workflows_per_service: order.workflows_per_service,
        base_time: now.saturating_sub(Plan::duration(order.workflows_per_service)),
    };
    plan.check().map_err(|err| Problem::new(err.to_string(), "plan several runs"))?;
    let connect = || Exporter::connect(&order.endpoint, &order.api_key, order.timeout);
    let exporters = try_join_all(plan.services.iter().map(|_| connect())).await?;
    let manifest =
        Manifest::new(&plan, order.concurrency, order.endpoint.to_string(), order.data_dir.clone(), now);
    let (folder, ledger) = runs::create(&order.runs, &manifest)?;
    Ok(Prepared { manifest, folder, plan, exporters, ledger, concurrency: order.concurrency })
}

impl Prepared {
    /// Sends the whole plan, or what of it starts before `stop` turns true.
    pub(crate) async fn perform(
        self,
        stop: watch::Receiver<bool>,
        progress: impl FnMut(u64),
    ) -> anyhow::Result<Performed> {
        let began = Instant::now();
        let (summary, ledger) =
            rounds::run(self.plan, self.exporters, self.ledger, self.concurrency, stop, progress).await?;
        let elapsed = began.elapsed();

        let mut manifest = self.manifest;
        manifest.results = Some(results(&summary, elapsed));
        manifest.write(&runs::manifest_path(&self.folder))?;
        Ok(Performed { manifest, folder: self.folder, ledger, summary, elapsed })
    }
}

fn results(summary: &Summary, elapsed: Duration) -> Results {
    let total = summary.total();
    Results {
        total_workflows: total.workflows,
        duration_seconds: elapsed.as_secs_f64(),
        throughput: total.workflows as f64 / elapsed.as_secs_f64().max(1e-9),
        spans: total.spans,
        acked: total.acked,
        rejected: total.rejected,
        indeterminate: total.indeterminate,
        interrupted: summary.interrupted,
    }
}

/// Unique slugs of three words.
fn draw_names(count: u64, seed: u64) -> Vec<String> {
    let small = Petnames::small();
    let slugs = small.namer(3, "-");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut taken = HashSet::new();
    let mut names = Vec::new();
    while (names.len() as u64) < count {
        let mut name = String::new();
        slugs.generate_into(&mut name, &mut rng);
        if taken.insert(name.clone()) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_slugs_of_three_words() {
        let names = draw_names(2_000, 1);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 2_000);
        assert!(names.iter().all(|name| name.split('-').filter(|word| !word.is_empty()).count() == 3));
        assert_eq!(names, draw_names(2_000, 1));
    }
}
