//! A weighted mix of profiles.

use std::{collections::BTreeMap, str::FromStr};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::profile::{Profile, Telemetry};

/// Which profiles a run's workflows have, and in which proportion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Mix {
    weights: BTreeMap<Profile, u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidMix {
    #[error("unknown profile `{0}`; `e2e-store profiles` lists them")]
    Unknown(String),
    #[error("invalid weight `{0}`: expected a whole number from 1 to {MAX_WEIGHT}")]
    Weight(String),
    #[error("`{0}` is named twice")]
    Twice(&'static str),
}

/// Keeps a mix's cycle short enough to have a table of it.
const MAX_WEIGHT: u32 = 100;

impl Mix {
    pub(crate) fn only(profile: Profile) -> Self {
        Self { weights: BTreeMap::from([(profile, 1)]) }
    }

    pub(crate) fn profiles(&self) -> impl Iterator<Item = Profile> {
        self.weights.keys().copied()
    }

    pub(crate) fn has(&self, profile: Profile) -> bool {
        self.weights.contains_key(&profile)
    }

    /// The most spans that one of its workflows has.
    pub(crate) fn most_spans(&self, telemetry: Telemetry) -> u64 {
        let existing = self.profiles().filter(|profile| profile.exists_in(telemetry));
        let shapes = existing.flat_map(|profile| {
            (0..profile.variants()).map(move |variant| profile.shape(telemetry, variant))
        });
        shapes.map(|shape| shape.spans().into()).max().unwrap_or(1)
    }

    /// The order in which a service's workflows take their shapes, over and over.
    ///
    /// Profiles are spread evenly by their weights (smooth weighted round-robin); a profile with
    /// several variants takes them in turn, and the cycle ends when all have come round.
    pub(crate) fn cycle(&self) -> Vec<(Profile, u32)> {
        let total: i64 = self.weights.values().map(|weight| i64::from(*weight)).sum();
        let rounds = self.weights.iter().map(|(profile, weight)| {
            let variants = profile.variants();
            variants / gcd(variants, *weight)
        });
        let rounds = rounds.fold(1, |all, one| all / gcd(all, one) * one);

        let mut credit: BTreeMap<Profile, i64> = self.weights.keys().map(|profile| (*profile, 0)).collect();
        let mut taken: BTreeMap<Profile, u32> = BTreeMap::new();
        let mut cycle = Vec::new();
        for _ in 0..total * i64::from(rounds) {
            for (profile, credit) in &mut credit {
                *credit += i64::from(self.weights[profile]);
            }
            let richest =
                credit.iter_mut().max_by_key(|(profile, credit)| (**credit, std::cmp::Reverse(**profile)));
            let Some((profile, credit)) = richest else { break };
            *credit -= total;
            let turn = taken.entry(*profile).or_default();
            cycle.push((*profile, *turn % profile.variants()));
            *turn += 1;
        }
        cycle
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl FromStr for Mix {
    type Err = InvalidMix;

    /// `getting-started`, or `getting-started=7,agent=2`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut weights = BTreeMap::new();
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let profile =
                Profile::from_str(name.trim(), false).map_err(|_| InvalidMix::Unknown(name.to_owned()))?;
            let number = weight.trim().parse().ok().filter(|number| (1..=MAX_WEIGHT).contains(number));
            let number = number.ok_or_else(|| InvalidMix::Weight(weight.to_owned()))?;
            if weights.insert(profile, number).is_some() {
                return Err(InvalidMix::Twice(profile.name()));
            }
        }
        // Only the proportion counts: `a=2,b=4` is the same traffic as `a=1,b=2`.
        let common = weights.values().copied().fold(0, gcd).max(1);
        for weight in weights.values_mut() {
            *weight /= common;
        }
        Ok(Self { weights })
    }
}

impl std::fmt::Display for Mix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let [(profile, _)] = self.weights.iter().collect::<Vec<_>>()[..] {
            return f.write_str(profile.name());
        }
        for (index, (profile, weight)) in self.weights.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}={weight}", profile.name())?;
        }
        Ok(())
    }
}

impl From<Mix> for String {
    fn from(mix: Mix) -> Self {
        mix.to_string()
    }
}

impl TryFrom<String> for Mix {
    type Error = InvalidMix;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(text: &str) -> Mix {
        text.parse().unwrap()
    }

    #[test]
    fn a_mix_reads_back_as_it_is_shown() {
        for (text, shown) in [
            ("minimal", "minimal"),
            ("minimal=5", "minimal"),
            ("minimal=2,getting-started=4", "getting-started=2,minimal=1"),
        ] {
            assert_eq!(mix(text).to_string(), shown);
            assert_eq!(mix(shown), mix(text));
        }
        let refused = |text: &str| text.parse::<Mix>().unwrap_err().to_string();
        assert_eq!(refused("maximal"), "unknown profile `maximal`; `e2e-store profiles` lists them");
        assert_eq!(refused("minimal=0"), "invalid weight `0`: expected a whole number from 1 to 100");
        assert_eq!(refused("minimal,minimal"), "`minimal` is named twice");
    }

    #[test]
    fn a_cycle_spreads_profiles_by_weight_and_gives_each_variant_its_turn() {
        for text in ["minimal", "getting-started=7,minimal=3"] {
            let mix = mix(text);
            let cycle = mix.cycle();
            let total: u32 = mix.weights.values().sum();
            for (profile, weight) in &mix.weights {
                let of_profile = cycle.iter().filter(|(other, _)| other == profile);
                assert_eq!(of_profile.count() as u32 * total, cycle.len() as u32 * weight, "{text}");
                for variant in 0..profile.variants() {
                    let of_variant = cycle.iter().filter(|entry| **entry == (*profile, variant));
                    assert_eq!(
                        of_variant.count() as u32 * total * profile.variants(),
                        cycle.len() as u32 * weight
                    );
                }
            }
        }
    }
}
