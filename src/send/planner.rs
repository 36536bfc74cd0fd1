//! The plan of a load: a new one, or one that a manifest holds.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::Duration,
};

use petname::Petnames;
use rand::{SeedableRng, rngs::StdRng};

use super::{pace::Pace, run::LoadSpec, summary::Amount};
use crate::{
    base::problem::Problem,
    ledger::{manifest::Manifest, runs, shard::Shard},
    traffic::{
        adversarial::names,
        mix::Mix,
        plan::{MAX_SPANS, Outline, Plan, Unplannable},
        profile::Telemetry,
    },
};

/// Names that are drawn at once.
const MAX_SERVICES: u64 = 10_000;

/// Workflows that no sender here gets through in a second: bounds a plan that only time ends.
const WORKFLOWS_PER_SECOND: u64 = 1_000_000;

/// Which traffic to send.
#[derive(Debug, Clone)]
pub(crate) enum Traffic {
    New(PlanRequest),
    /// What a manifest plans, or a part of it.
    Planned {
        manifest: PathBuf,
        shard: Option<Shard>,
    },
}

/// What a new plan is to hold.
#[derive(Debug, Clone)]
pub(crate) struct PlanRequest {
    pub(crate) services: Services,
    /// None where time ends the run.
    pub(crate) workflows_per_service: Option<u64>,
    pub(crate) mix: Mix,
    pub(crate) telemetry: Telemetry,
    pub(crate) collectors: Option<u32>,
    pub(crate) seed: u64,
}

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Services {
    /// So many, under names drawn from the seed.
    Drawn(u64),
    Named(String),
}

/// A plan that can be carried out.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// Whether its number of workflows is only a bound.
    pub(crate) open_ended: bool,
    pub(crate) shard: Shard,
}

/// `now` is in Unix nanoseconds. Nothing that is planned ends after it.
pub(crate) fn plan(spec: &LoadSpec, now: u64) -> anyhow::Result<Planned> {
    let request = match &spec.traffic {
        Traffic::New(request) => request,
        Traffic::Planned { manifest, shard } => {
            return planned(manifest, *shard);
        }
    };
    let services = match &request.services {
        Services::Drawn(count) if *count > MAX_SERVICES => {
            let what = format!("{count} services would need as many connections");
            let hint = format!("plan at most {MAX_SERVICES}, with more workflows each");
            return Err(Problem::new(what, hint).into());
        }
        Services::Drawn(count) => {
            names::suited_to(&request.mix, draw_names(*count, request.seed), request.seed)
        }
        Services::Named(name) => vec![name.clone()],
    };
    let (workflows_per_service, open_ended) = workflows(spec, request, services.len() as u64);
    let mut outline = Outline {
        run: runs::draw_id(&spec.runs),
        seed: request.seed,
        services,
        workflows_per_service,
        base_time: 0,
        mix: request.mix.clone(),
        telemetry: request.telemetry,
        collectors: request.collectors,
    };
    outline.base_time = now.saturating_sub(outline.duration());
    let plan = Plan::new(outline).map_err(|err| Problem::new(err.to_string(), hint(&err)))?;
    Ok(Planned { plan, open_ended, shard: Shard::WHOLE })
}

/// What a manifest plans, or the part of it that is asked for or that the manifest itself is of.
fn planned(path: &Path, shard: Option<Shard>) -> anyhow::Result<Planned> {
    let manifest = Manifest::read(path)?;
    if manifest.config.open_ended {
        let what = format!("`{}` is of a run that only time was to end", path.display());
        let hint = "name a manifest of a run that has ended, or one of `generate --plan-only`";
        return Err(Problem::new(what, hint).into());
    }
    let plan = manifest.plan().map_err(|err| {
        let what = format!("`{}` holds no plan", path.display());
        Problem::new(what, "make one with `generate --plan-only`").caused_by(err)
    })?;
    Ok(Planned { plan, open_ended: false, shard: shard.or(manifest.shard).unwrap_or(Shard::WHOLE) })
}

/// What to type where a plan cannot be carried out.
fn hint(err: &Unplannable) -> &'static str {
    match err {
        Unplannable::Nothing => "see `e2e-store generate --help`",
        Unplannable::TooMuch | Unplannable::TooLate | Unplannable::TooVaried => "plan several runs",
        Unplannable::SameName(_) => "name each service once",
        Unplannable::Collectors(_) => "leave --collectors out, or plan more services",
        Unplannable::NoLegacyForm(_) => "leave the profile out, or `--telemetry legacy`",
    }
}

/// What each service runs, and whether that is only a bound.
fn workflows(spec: &LoadSpec, request: &PlanRequest, services: u64) -> (u64, bool) {
    let arrivals = match &spec.pace {
        Pace::Open(open) => open.schedule.arrivals(),
        Pace::Rounds(_) | Pace::Closed(_) => None,
    };
    if let Some(workflows) = request.workflows_per_service {
        return (workflows, false);
    }
    if let Some(arrivals) = arrivals {
        return (arrivals.div_ceil(services).max(1), false);
    }
    let seconds = spec.duration.unwrap_or(Duration::from_secs(1)).as_secs() + 1;
    let spans = request.mix.most_spans(request.telemetry);
    let bound = (MAX_SPANS / spans).min(seconds.saturating_mul(WORKFLOWS_PER_SECOND));
    ((bound / services).max(1), true)
}

/// What a shard plans of each stream.
pub(crate) fn of_streams(plan: &Plan, shard: Shard) -> Vec<Amount> {
    let streams = shard.parts(plan).into_iter().enumerate().map(|(stream, ordinals)| {
        let spans = ordinals.end - ordinals.start;
        Amount { workflows: plan.roots_in(stream, ordinals), spans }
    });
    streams.collect()
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
