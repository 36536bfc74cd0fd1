//! The faults of the stand-in.

use std::io::Write;

use serde::Serialize;

use super::{
    json,
    table::{self, Align},
};
use crate::standin::faults::Fault;

/// The form of `--format json`.
const VERSION: u32 = 1;

pub(crate) fn print(out: &mut dyn Write, faults: &[Fault]) -> anyhow::Result<()> {
    let header = [
        ("fault", Align::Left),
        ("per", Align::Left),
        ("default", Align::Left),
        ("found by", Align::Left),
        ("effect", Align::Left),
    ];
    let row = |fault: &Fault| {
        vec![
            fault.name.clone(),
            fault.opportunity().to_owned(),
            fault.trigger.to_string(),
            fault.expected().to_string(),
            fault.about.clone(),
        ]
    };
    out.write_all(table::render(&header, faults.iter().map(row)).as_bytes())?;
    Ok(())
}

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    faults: Vec<FaultJson<'a>>,
}

#[derive(Serialize)]
struct FaultJson<'a> {
    fault: &'a str,
    opportunity: &'a str,
    default: String,
    about: &'a str,
    found_by_all: &'static [&'static str],
    found_by_any: &'static [&'static str],
    may_fire: &'static [&'static str],
    shown_by_structure: &'static [&'static str],
}

pub(crate) fn print_json(out: &mut dyn Write, faults: &[Fault]) -> anyhow::Result<()> {
    json::print(out, &Json { version: VERSION, faults: faults.iter().map(fault).collect() })
}

fn fault(fault: &Fault) -> FaultJson<'_> {
    FaultJson {
        fault: &fault.name,
        opportunity: fault.opportunity(),
        default: fault.trigger.to_string(),
        about: &fault.about,
        found_by_all: fault.expected().all,
        found_by_any: fault.expected().any,
        may_fire: fault.expected().also,
        shown_by_structure: fault.shown_by_structure(),
    }
}
