//! Named scenarios: what a flag that was not given falls back to.
//!
//! All their numbers are in [`Scenario::defaults`]. Figures are for a studio on the same machine or
//! network; a scenario is a start, and every number of it has a flag.

use std::{fmt::Debug, str::FromStr, time::Duration};

use super::{
    schedule::{Rate, Stages},
    threshold::Threshold,
};

/// A load with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// 3 services of 10 workflows: does anything arrive at all?
    Quick,
    /// 5 services of 50 workflows: is everything kept?
    Integrity,
    /// 10 services of 100 workflows at once: are services kept apart?
    Pollution,
    /// 10 services of 1000 workflows, at least 100 workflows a second
    Throughput,
    /// 20 services of 500 workflows, 200 workflows at once
    Stress,
    /// 20 workflows in flight for 2 minutes, p(95) below 500 ms, errors below 1 %
    Load,
    /// 20 workflows a second for a minute, with two spikes of 300 a second
    Burst,
    /// From nothing to 500 workflows a second in 4 minutes
    Ramp,
    /// 100 workflows a second for 5 minutes; `chaos` does the same with failures
    Sustained,
}

/// What a scenario says about a load; what it leaves open is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Defaults {
    pub(crate) num_services: Option<u64>,
    pub(crate) workflows_per_service: Option<u64>,
    /// Rounds that may be in flight.
    pub(crate) concurrency: Option<u64>,
    /// Exports that may be in flight.
    pub(crate) in_flight: Option<u64>,
    /// Between the end of one export of a slot and the start of its next.
    pub(crate) pause: Option<Duration>,
    pub(crate) duration: Option<Duration>,
    /// Workflows that arrive in a time.
    pub(crate) rate: Option<Rate>,
    pub(crate) stages: Option<Stages>,
    pub(crate) thresholds: Vec<Threshold>,
}

impl Scenario {
    pub(crate) fn defaults(self) -> Defaults {
        match self {
            Self::Quick => rounds(3, 10, 2),
            Self::Integrity => rounds(5, 50, 5),
            Self::Pollution => rounds(10, 100, 5),
            Self::Throughput => {
                Defaults { thresholds: thresholds(&["workflows_per_s>100"]), ..rounds(10, 1_000, 10) }
            }
            Self::Stress => rounds(20, 500, 10),
            Self::Load => Defaults {
                num_services: Some(10),
                in_flight: Some(20),
                duration: Some(Duration::from_mins(2)),
                thresholds: thresholds(&["p(95)<500ms", "error_rate<1%"]),
                ..Defaults::default()
            },
            Self::Burst => Defaults {
                num_services: Some(5),
                stages: Some(written("0s:20,20s:20,0s:300,5s:300,0s:20,20s:20,0s:300,5s:300,0s:20,10s:20")),
                thresholds: thresholds(&["error_rate<1%", "not_started<1"]),
                ..Defaults::default()
            },
            Self::Ramp => Defaults {
                num_services: Some(10),
                stages: Some(written("30s:50,90s:200,2m:500")),
                thresholds: thresholds(&["error_rate<1%"]),
                ..Defaults::default()
            },
            Self::Sustained => Defaults {
                num_services: Some(10),
                rate: Some(written("100/s")),
                duration: Some(Duration::from_mins(5)),
                thresholds: thresholds(&["p(95)<500ms", "error_rate<1%", "not_started<1"]),
                ..Defaults::default()
            },
        }
    }
}

fn rounds(num_services: u64, workflows_per_service: u64, concurrency: u64) -> Defaults {
    Defaults {
        num_services: Some(num_services),
        workflows_per_service: Some(workflows_per_service),
        concurrency: Some(concurrency),
        ..Defaults::default()
    }
}

fn thresholds(texts: &[&str]) -> Vec<Threshold> {
    texts.iter().map(|text| written(text)).collect()
}

/// A value in the words that its flag takes.
fn written<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("a scenario's values are well formed")
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::send::schedule::Schedule;

    #[test]
    fn a_scenario_says_how_much_there_is_to_send() {
        for scenario in Scenario::value_variants() {
            let Defaults { num_services, workflows_per_service, duration, rate, stages, .. } =
                scenario.defaults();
            assert!(num_services.is_some(), "{scenario:?}");
            let ends = workflows_per_service.is_some() || duration.is_some() || stages.is_some();
            assert!(ends, "{scenario:?} never ends");
            assert!(rate.is_none() || stages.is_none(), "{scenario:?} has two plans in time");
        }
    }

    #[test]
    fn the_burst_and_the_ramp_send_what_their_lines_say() {
        let schedule = |scenario: Scenario| Schedule::staged(&scenario.defaults().stages.unwrap());
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let burst = schedule(Scenario::Burst);
        assert_eq!((burst.duration(), burst.arrivals()), (seconds(60), Some(1_000 + 3_000)));
        let ramp = schedule(Scenario::Ramp);
        assert_eq!((ramp.duration(), ramp.arrivals()), (seconds(240), Some(750 + 11_250 + 42_000)));
    }
}
