//! Runs against a stand-in with one fault, or with none.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::Context;
use chrono::NaiveDateTime;
use tempfile::TempDir;
use tokio::time::sleep;

use super::{
    bench::FLUSHED_AT,
    rows::files,
    traffic::{KEY, Sender},
};
use crate::{
    audit::{AuditOptions, examine, report::AuditReport},
    base::temporary,
    checks::catalog::built_in,
    contract::schema::Schema,
    judge::{reading::OldFiles, runs::choose_runs},
    send::barrier::BarrierMethod,
    standin::{
        self, Config, StandIn,
        faults::{Strikes, spec::FaultSpec},
    },
    store::layout::Layout,
    traffic::profile::Telemetry,
};

const DAY: Duration = Duration::from_hours(24);

/// Longer than the stand-in answers with the snapshot before.
const PAST_SNAPSHOT_CACHE: Duration = Duration::from_millis(1_050);

/// What a run needs so that a fault can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scene {
    Plain,
    /// A second snapshot, of more than the first.
    TwoSnapshots,
    /// Cold files that were there for a day before they are indexed.
    OldFiles,
}

impl Scene {
    pub(super) const ALL: [Self; 3] = [Self::Plain, Self::TwoSnapshots, Self::OldFiles];

    pub(super) fn of(opportunity: &str) -> Self {
        match opportunity {
            "snapshot" => Self::TwoSnapshots,
            "file" => Self::OldFiles,
            _ => Self::Plain,
        }
    }
}

/// A store that several runs were sent to: two were flushed, of the others there is a snapshot.
pub(super) struct Trial {
    folder: TempDir,
    pub(super) strikes: Option<Strikes>,
}

impl Trial {
    pub(super) async fn of(scene: Scene, fault: Option<FaultSpec>, seed: u64) -> anyhow::Result<Self> {
        let folder = temporary::folder()?;
        let config = Config {
            batch_size: 40,
            index: true,
            faults: fault.into_iter().collect(),
            seed,
            ..Config::new(folder.path().join(".dbdata"), KEY.to_owned(), Schema::V2)
        };
        let mut stand_in = standin::start(config)?;
        let sender = Sender::to(&stand_in, Telemetry::Current, folder.path().join("runs"), seed)?;
        tokio::select! {
            failed = stand_in.wait() => failed.context("the stand-in ended")?,
            played = play(scene, &sender) => played?,
        }
        let strikes = finish(scene, stand_in, folder.path()).await?;
        Ok(Self { folder, strikes })
    }

    pub(super) fn store(&self) -> PathBuf {
        self.folder.path().join(".dbdata")
    }

    pub(super) fn runs(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    /// Judges the store, as if everything had been acked long ago.
    pub(super) async fn audit(&self, run: &str) -> anyhow::Result<AuditReport> {
        let layout = Layout::find(Some(&self.store()))?;
        let runs = choose_runs(&self.runs(), run, &layout)?;
        let options = AuditOptions {
            settle: Duration::ZERO,
            wait: false,
            old_files: OldFiles::Read,
            ..AuditOptions::of(built_in()?)
        };
        examine(&layout, &runs, options, |_| {}).await
    }
}

async fn play(scene: Scene, sender: &Sender) -> anyhow::Result<()> {
    for (mix, workflows) in [("getting-started=1,adversarial=2", 20), ("getting-started=1,llm=3", 4)] {
        let ledger = sender.send(mix, workflows).await?;
        sender.run_barrier(BarrierMethod::Flush, &ledger).await?;
    }
    sender.send("getting-started", 2).await?;
    sender.snapshot().await?;
    if scene == Scene::TwoSnapshots {
        sleep(PAST_SNAPSHOT_CACHE).await;
        sender.send("getting-started", 2).await?;
        sender.snapshot().await?;
    }
    Ok(())
}

/// Indexes what is there, and stops the stand-in.
async fn finish(scene: Scene, stand_in: StandIn, folder: &Path) -> anyhow::Result<Option<Strikes>> {
    if scene == Scene::OldFiles {
        age_cold_files(&folder.join(".dbdata/spans/parquet"))?;
    }
    stand_in.index().await?;
    let strikes = stand_in.strikes().pop();
    stand_in.stop().await?;
    Ok(strikes)
}

/// Makes all cold files a day older, by their names and by their times.
fn age_cold_files(cold: &Path) -> anyhow::Result<()> {
    for file in files(cold, ".parquet")? {
        let name = file.file_name().and_then(|name| name.to_str()).context("no name")?;
        let (flushed, rest) = name.split_at_checked(15).context("a cold file without a time")?;
        let flushed = NaiveDateTime::parse_from_str(flushed, FLUSHED_AT)? - DAY;
        let day = cold.join(flushed.format("year=%Y/month=%m/day=%d").to_string());
        fs::create_dir_all(&day)?;
        let place = day.join(format!("{}{rest}", flushed.format(FLUSHED_AT)));
        fs::rename(&file, &place)?;
        fs::OpenOptions::new().write(true).open(place)?.set_modified(SystemTime::now() - DAY)?;
    }
    Ok(())
}
