//! The shapes of traffic, and how fast they are made.

use std::io::Write;

use serde::Serialize;

use super::{
    json,
    table::{self, Align},
};
use crate::{
    send::measure::{Measured, Speed},
    text::numbers::{amount, bytes, grouped},
    traffic::{
        figures::Figures,
        profile::{Profile, Telemetry},
    },
};

/// The form of `--format json`.
const VERSION: u32 = 1;

/// All that is known of one profile.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) profile: Profile,
    pub(crate) figures: Figures,
    /// None where nothing was measured.
    pub(crate) measured: Option<Measured>,
}

impl Described {
    fn has_legacy_form(&self) -> bool {
        self.profile.exists_in(Telemetry::Legacy)
    }
}

pub(crate) fn print(out: &mut dyn Write, profiles: &[Described]) -> anyhow::Result<()> {
    let header = [("profile", Align::Left), ("workflows", Align::Left)];
    let row = |one: &Described| vec![one.profile.name().to_owned(), one.profile.about().to_owned()];
    writeln!(out, "{}", table::render(&header, profiles.iter().map(row)))?;

    let header = [
        ("one workflow", Align::Left),
        ("spans", Align::Right),
        ("bytes", Align::Right),
        ("events", Align::Right),
        ("variants", Align::Right),
        ("legacy", Align::Left),
    ];
    let row = |one: &Described| {
        vec![
            one.profile.name().to_owned(),
            mean(one.figures.spans),
            bytes(one.figures.bytes.round() as u64),
            mean(one.figures.events),
            one.profile.variants().to_string(),
            if one.has_legacy_form() { "yes" } else { "no" }.to_owned(),
        ]
    };
    out.write_all(table::render(&header, profiles.iter().map(row)).as_bytes())?;

    let measured: Vec<_> =
        profiles.iter().filter_map(|one| Some((one.profile, one.measured.as_ref()?))).collect();
    if !measured.is_empty() {
        writeln!(out, "\n{}", speeds(&measured).trim_end())?;
    }
    Ok(())
}

fn speeds(measured: &[(Profile, &Measured)]) -> String {
    let header = [
        ("one core", Align::Left),
        ("spans/s", Align::Right),
        ("MB/s", Align::Right),
        ("as messages", Align::Right),
        ("MB/s", Align::Right),
        ("ratio", Align::Right),
    ];
    let speed = |speed: &Speed| {
        [grouped(speed.spans_per_second().round() as u64), amount(speed.bytes_per_second() / 1e6)]
    };
    let row = |(profile, measured): &(Profile, &Measured)| {
        let mut row = vec![profile.name().to_owned()];
        row.extend(speed(&measured.encoder));
        row.extend(speed(&measured.messages));
        row.push(amount(measured.ratio()));
        row
    };
    table::render(&header, measured.iter().map(row))
}

/// A mean, as whole as it is.
fn mean(number: f64) -> String {
    if number.fract() == 0.0 { grouped(number as u64) } else { amount(number) }
}

#[derive(Serialize)]
struct Json {
    version: u32,
    profiles: Vec<ProfileJson>,
}

/// Spans, bytes and events are means of a workflow's.
#[derive(Serialize)]
struct ProfileJson {
    profile: &'static str,
    about: &'static str,
    spans: f64,
    bytes: f64,
    events: f64,
    variants: u32,
    legacy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<MeasuredJson>,
}

#[derive(Serialize)]
struct MeasuredJson {
    encoder: SpeedJson,
    as_messages: SpeedJson,
    ratio: f64,
}

#[derive(Serialize)]
struct SpeedJson {
    spans_per_s: f64,
    bytes_per_s: f64,
}

pub(crate) fn print_json(out: &mut dyn Write, profiles: &[Described]) -> anyhow::Result<()> {
    let speed = |speed: &Speed| SpeedJson {
        spans_per_s: speed.spans_per_second(),
        bytes_per_s: speed.bytes_per_second(),
    };
    let profile = |one: &Described| ProfileJson {
        profile: one.profile.name(),
        about: one.profile.about(),
        spans: one.figures.spans,
        bytes: one.figures.bytes,
        events: one.figures.events,
        variants: one.profile.variants(),
        legacy: one.has_legacy_form(),
        measured: one.measured.as_ref().map(|measured| MeasuredJson {
            encoder: speed(&measured.encoder),
            as_messages: speed(&measured.messages),
            ratio: measured.ratio(),
        }),
    };
    let json = Json { version: VERSION, profiles: profiles.iter().map(profile).collect() };
    json::print(out, &json)
}
