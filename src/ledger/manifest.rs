//! The manifest of a run: what its traffic is a function of, and how it went.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::{chaos::Experiment, load::Load, results::Results, shard::Shard};
use crate::{
    base::{
        output::{Access, Output},
        problem::Problem,
        regular,
    },
    traffic::{
        ids::RunId,
        mix::Mix,
        plan::{self, Outline, Plan},
        profile::Telemetry,
    },
};

/// `manifest.json`. Written when a run begins, and again, with its results, when it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of this file's form.
    pub(crate) version: u32,
    /// The version of the function from here to traffic.
    pub(crate) plan_version: u32,
    pub(crate) run_id: String,
    pub(crate) created_at: Timestamp,
    /// What a user calls it, as the commit that it measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    pub(crate) profile: Mix,
    #[serde(default, skip_serializing_if = "Telemetry::is_current")]
    pub(crate) telemetry: Telemetry,
    pub(crate) seed: u64,
    /// When the first planned workflow starts.
    pub(crate) base_time: Timestamp,
    pub(crate) config: RunConfig,
    /// Absent in manifests that are older than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) load: Option<Load>,
    /// What was done to the studio meanwhile; absent where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chaos: Option<Experiment>,
    /// Which part of the plan was sent from here; absent where it was all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shard: Option<Shard>,
    pub(crate) services: Vec<String>,
    pub(crate) endpoint: String,
    /// The store that the run was sent to, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Absent when the run did not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) results: Option<Results>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunConfig {
    pub(crate) num_services: u64,
    pub(crate) workflows_per_service: u64,
    /// Whether time was to end the run, and the number of workflows is only a bound: so while the run
    /// goes on, and for ever if it was killed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) open_ended: bool,
    /// Rounds that may be in flight or, where `load` paces otherwise, exports.
    pub(crate) concurrency: u64,
    /// How many collectors the services send through; absent where each has an exporter of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) collectors: Option<u32>,
}

/// A moment in Unix nanoseconds, written in RFC 3339 with all nine digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Timestamp(pub(crate) u64);

impl From<Timestamp> for String {
    fn from(Timestamp(nanos): Timestamp) -> Self {
        DateTime::<Utc>::from_timestamp_nanos(nanos.cast_signed()).to_rfc3339_opts(SecondsFormat::Nanos, true)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let moment = DateTime::parse_from_rfc3339(&text).map_err(|err| format!("`{text}`: {err}"))?;
        let nanos = moment.timestamp_nanos_opt().and_then(|nanos| u64::try_from(nanos).ok());
        nanos.map(Self).ok_or_else(|| format!("`{text}` is outside the years 1970 to 2262"))
    }
}

const VERSION: u32 = 1;

impl Manifest {
    pub(crate) fn new(plan: &Plan, endpoint: String, data_dir: Option<PathBuf>, now: u64) -> Self {
        Self {
            version: VERSION,
            plan_version: plan::VERSION,
            run_id: plan.outline.run.to_string(),
            created_at: Timestamp(now),
            label: None,
            profile: plan.outline.mix.clone(),
            telemetry: plan.outline.telemetry,
            seed: plan.outline.seed,
            base_time: Timestamp(plan.outline.base_time),
            config: RunConfig {
                num_services: plan.outline.services.len() as u64,
                workflows_per_service: plan.outline.workflows_per_service,
                open_ended: false,
                concurrency: 1,
                collectors: plan.outline.collectors,
            },
            load: None,
            chaos: None,
            shard: None,
            services: plan.outline.services.clone(),
            endpoint,
            data_dir,
            results: None,
        }
    }

    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let text = regular::read(path).with_context(|| format!("cannot read manifest `{shown}`"))?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|err| {
            let hint = "restore the run's folder, or leave it out with --run ID of another run";
            Problem::new(format!("`{shown}` is not a run's manifest"), hint).caused_by(err)
        })?;
        if (manifest.version, manifest.plan_version) != (VERSION, plan::VERSION) {
            let what = format!(
                "`{shown}` is a manifest of version {} with plan version {}; this binary knows {VERSION} and {}",
                manifest.version,
                manifest.plan_version,
                plan::VERSION
            );
            return Err(Problem::new(what, "audit it with the e2e-store that made it").into());
        }
        Ok(manifest)
    }

    /// What the folder of this run, or of this shard of one, is called.
    pub(crate) fn folder_name(&self) -> String {
        match self.shard {
            None => self.run_id.clone(),
            Some(Shard { index, of }) => format!("{}.{index}-of-{of}", self.run_id),
        }
    }

    /// Replaces the file as a whole, so that no reader ever sees half of it.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        write_json(path, self)
    }

    /// Ends a plan that only time could end with the last workflow of which anything was sent.
    pub(crate) fn settle(&mut self, last_workflow: u64) {
        self.config.workflows_per_service = last_workflow / self.config.num_services + 1;
        self.config.open_ended = false;
    }

    /// The plan that this manifest stands for.
    pub(crate) fn plan(&self) -> anyhow::Result<Plan> {
        let run: RunId = self.run_id.parse().with_context(|| format!("run id `{}`", self.run_id))?;
        anyhow::ensure!(
            self.services.len() as u64 == self.config.num_services,
            "it names {} services and plans {}",
            self.services.len(),
            self.config.num_services
        );
        let outline = Outline {
            run,
            seed: self.seed,
            services: self.services.clone(),
            workflows_per_service: self.config.workflows_per_service,
            base_time: self.base_time.0,
            mix: self.profile.clone(),
            telemetry: self.telemetry,
            collectors: self.config.collectors,
        };
        Ok(Plan::new(outline)?)
    }
}

/// Replaces a file of a run by indented JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    write_into(Output::create_for(path, &[], Access::Private)?, value)
}

/// Writes indented JSON where a user wants it.
pub(crate) fn output_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    write_into(Output::create(path, &[])?, value)
}

fn write_into(output: Output, value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(output.fill(&text)?)
}
