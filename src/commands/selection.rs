//! Which spans of a source `replay` and `export` take.

use std::collections::BTreeSet;

use crate::{
    base::{clock, problem::Problem},
    contract::scrub,
    ledger::{manifest::Timestamp, replay::Options},
};

/// Selection of spans from the source
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// Service to take (repeatable)
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,

    /// Trace to take, by its 32 hexadecimal digits (repeatable)
    #[arg(long, value_name = "ID", value_parser = trace_id)]
    trace: Vec<String>,

    /// Earliest arrival (for stored rows: end), as 2026-11-25T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,

    /// Arrival (for stored rows: end) from which on nothing is taken
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,

    /// SQL condition over the columns of stored spans
    #[arg(long = "where", value_name = "SQL")]
    condition: Option<String>,

    /// Share of traces to take, whole ones, as 10%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    sample: Option<f64>,

    /// Keep duplicate spans, and requests that the target had refused
    #[arg(long)]
    keep_duplicates: bool,
}

/// What is taken out of spans
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Changes")]
pub(crate) struct ScrubArgs {
    /// Attribute key to remove: of resources, scopes, spans, events and links, at any depth (repeatable)
    #[arg(long, value_name = "KEY")]
    scrub: Vec<String>,

    /// Pattern to replace by `[scrubbed]` in names, messages, trace states and string values (repeatable)
    #[arg(long, value_name = "REGEX", value_parser = scrub_text)]
    scrub_text: Vec<String>,
}

impl ScrubArgs {
    /// With what is taken out.
    pub(crate) fn options(&self, options: Options) -> Options {
        let scrub = self.scrub.iter().cloned().collect();
        Options { scrub, scrub_text: self.scrub_text.clone(), ..options }
    }

    /// Whether anything is.
    pub(crate) fn is_given(&self) -> bool {
        !self.scrub.is_empty() || !self.scrub_text.is_empty()
    }
}

fn scrub_text(text: &str) -> Result<String, String> {
    scrub::pattern(text).map(|_| text.to_owned())
}

impl SelectionArgs {
    pub(crate) fn options(&self) -> Options {
        Options {
            pace: "max".to_owned(),
            loops: 1,
            keep_duplicates: self.keep_duplicates,
            services: self.service.iter().cloned().collect(),
            traces: self.trace.iter().cloned().collect::<BTreeSet<_>>(),
            from: self.from,
            to: self.to,
            filter: self.condition.clone(),
            sample: self.sample,
            ..Options::default()
        }
    }

    /// Whether anything was asked for.
    pub(crate) fn is_given(&self) -> bool {
        let plain = Options { pace: "max".to_owned(), loops: 1, ..Options::default() };
        self.options() != plain
    }
}

fn trace_id(text: &str) -> Result<String, String> {
    let id = text.trim().to_ascii_lowercase();
    let well_formed = id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
    if well_formed { Ok(id) } else { Err("a trace id is 32 hexadecimal digits".to_owned()) }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    clock::moment(text).map(|nanos| Timestamp(nanos.cast_unsigned()))
}

/// A percentage of the traces, above 0 and up to 100.
fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match percent {
        Some(percent) if percent > 0.0 && percent <= 100.0 => Ok(percent / 100.0),
        _ => Err("write for example 10%, at most 100%".to_owned()),
    }
}

/// `old=new`.
pub(crate) fn renaming(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_owned(), new.to_owned())),
        _ => Err("write `old=new`".to_owned()),
    }
}

/// What `--resume` does not go with: a replay that goes on is the one that was begun.
pub(crate) fn nothing_else(resume: &str, given: bool) -> Result<(), Problem> {
    if !given {
        return Ok(());
    }
    let what = format!("run {resume} goes on as it was begun, and nothing of it can be changed");
    Err(Problem::new(what, "leave out what selects, paces and changes spans, or leave --resume out"))
}
