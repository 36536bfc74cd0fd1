//! A replay, an export or a capture for the terminal.

use std::{io::Write, time::Duration};

use super::{
    run::{NAMES_SHOWN, print_latency},
    table::{self, Align},
};
use crate::{
    capture::recorder::Recorded,
    contract::scrub::Scrubbed,
    ledger::replay::Options,
    send::summary::per_second,
    source::{
        chunk::{SourceNotes, Unsent, UnsentSpan},
        pace::Pace,
        run::{Produced, Replayed, ShiftTime, SourceSummary},
    },
    text::{
        escape::plain,
        numbers::{bytes, counted, duration, grouped, moment, service},
    },
};

/// Files that are named of those that cannot be read.
const TROUBLE_SHOWN: usize = 20;

/// What a source holds, what is left out of it, and what of it cannot be read.
pub(crate) fn print_source(out: &mut dyn Write, surveyed: &SourceSummary) -> anyhow::Result<()> {
    let SourceSummary { path, kind, survey, recipe, .. } = surveyed;
    let files = counted(recipe.source.len() as u64, "file");
    writeln!(out, "source   {}   {kind}, {files}", plain(&path.display().to_string()))?;
    let requests =
        survey.requests.map_or_else(String::new, |count| format!(" in {}", counted(count, "request")));
    writeln!(
        out,
        "spans    {} of {}{requests}",
        counted(survey.spans, "span"),
        counted(survey.traces, "trace")
    )?;
    if let Some((first, last)) = survey.times {
        let span = Duration::from_nanos(last.abs_diff(first));
        writeln!(
            out,
            "times    {} to {}: {}",
            moment(first.cast_unsigned()),
            moment(last.cast_unsigned()),
            duration(span)
        )?;
    }
    print_notes(out, &survey.notes)?;
    if !survey.services.is_empty() {
        let mut rows: Vec<_> = survey
            .services
            .iter()
            .take(NAMES_SHOWN)
            .map(|(name, spans)| vec![service(name), grouped(*spans)])
            .collect();
        if survey.services.len() > NAMES_SHOWN {
            rows.push(vec![format!("and {} more", survey.services.len() - NAMES_SHOWN)]);
        }
        writeln!(out, "\n{}", table::render(&[("service", Align::Left), ("spans", Align::Right)], rows))?;
    }
    Ok(())
}

fn print_notes(out: &mut dyn Write, notes: &SourceNotes) -> anyhow::Result<()> {
    print_unsent(out, &notes.unsent)?;
    for (why, spans) in &notes.skipped {
        writeln!(out, "left out {} {why}", counted(*spans, "span"))?;
    }
    for (what, count) in &notes.ignored {
        writeln!(out, "beside   {} of: {}", grouped(*count), plain(what))?;
    }
    for trouble in notes.trouble.iter().take(TROUBLE_SHOWN) {
        writeln!(out, "unread   {}: {}", plain(&trouble.file), plain(&trouble.reason))?;
    }
    if notes.trouble.len() > TROUBLE_SHOWN {
        writeln!(out, "unread   and {} more", notes.trouble.len() - TROUBLE_SHOWN)?;
    }
    Ok(())
}

/// What was asked for and cannot be sent.
fn print_unsent(out: &mut dyn Write, unsent: &Unsent) -> anyhow::Result<()> {
    if unsent.total == 0 {
        return Ok(());
    }
    writeln!(out, "unsent   {} that cannot be sent:", counted(unsent.total, "span"))?;
    for UnsentSpan { file, number, why } in &unsent.first {
        writeln!(out, "         {} row {number}: {}", plain(file), plain(why))?;
    }
    if unsent.others() > 0 {
        writeln!(out, "         and {} more", grouped(unsent.others()))?;
    }
    Ok(())
}

/// What became of the source between the plan and its end.
pub(crate) fn print_changed(out: &mut dyn Write, planned: u64, made: &Produced) -> anyhow::Result<()> {
    if made.spans != planned {
        let (planned, made) = (counted(planned, "span"), grouped(made.spans));
        writeln!(out, "changed  the source gave {made} of the {planned} that were planned")?;
    }
    Ok(())
}

/// What rows no longer tell of the spans that they were.
pub(crate) fn print_losses(out: &mut dyn Write, notes: &SourceNotes) -> anyhow::Result<()> {
    if notes.with_nulls > 0 {
        let spans = counted(notes.with_nulls, "span");
        writeln!(out, "lost     {spans} with values that are null, and may have been NaN or infinite")?;
    }
    if notes.disagreeing > 0 {
        let spans = counted(notes.disagreeing, "span");
        writeln!(
            out,
            "renamed  {spans} whose resource names another service than their column: the resource's is sent"
        )?;
    }
    let Scrubbed { attributes, texts } = notes.scrubbed;
    if attributes > 0 {
        writeln!(out, "scrubbed {}", counted(attributes, "attribute"))?;
    }
    if texts > 0 {
        writeln!(out, "scrubbed {}", counted(texts, "text"))?;
    }
    Ok(())
}

/// How it will be sent.
pub(crate) fn print_plan(
    out: &mut dyn Write,
    surveyed: &SourceSummary,
    fresh_ids: bool,
    shift: ShiftTime,
) -> anyhow::Result<()> {
    let SourceSummary { survey, recipe, .. } = surveyed;
    let Options { loops, max_gap_seconds, .. } = &recipe.options;
    let pace = match recipe.pace {
        Pace::Max => "as fast as the endpoint answers".to_owned(),
        Pace::Speed(_) => format!("{} as recorded", recipe.pace),
        Pace::Rate(_) => format!("{} spans", recipe.pace),
    };
    let gap = max_gap_seconds
        .map_or_else(String::new, |gap| format!(", no gap above {}", duration(Duration::from_secs_f64(gap))));
    let length = survey.length.saturating_mul(u32::try_from(*loops).unwrap_or(u32::MAX));
    let takes = if length.is_zero() { String::new() } else { format!(", in {}", duration(length)) };
    let times = if *loops > 1 {
        format!(", {loops} times over: {}", counted(surveyed.spans(), "span"))
    } else {
        String::new()
    };
    writeln!(out, "pace     {pace}{gap}{times}{takes}")?;
    let ids = if fresh_ids { "fresh" } else { "kept" };
    let clock = match shift {
        ShiftTime::Now => "shifted to now".to_owned(),
        ShiftTime::None => "kept".to_owned(),
        ShiftTime::By(nanos) => {
            let sign = if nanos < 0 { "-" } else { "+" };
            format!("shifted by {sign}{}", duration(Duration::from_nanos(nanos.unsigned_abs())))
        }
    };
    writeln!(out, "changes  ids {ids}, times {clock}{}", renamed(&recipe.options))?;
    if recipe.pace.keeps_time() && survey.disordered > 0 {
        let late = if survey.late == 0 {
            "all are sent in their order".to_owned()
        } else {
            format!("{} of them too far off: sent late", grouped(survey.late))
        };
        writeln!(out, "order    {} out of order; {late}", grouped(survey.disordered))?;
    }
    Ok(())
}

pub(super) fn renamed(options: &Options) -> String {
    let renamed = options.rename.iter().map(|(old, new)| format!(", {} as {}", service(old), service(new)));
    let scrubbed = options.scrub.iter().map(|key| format!(", without `{}`", plain(key)));
    let texts = options.scrub_text.iter().map(|text| format!(", without texts like `{}`", plain(text)));
    renamed.chain(scrubbed).chain(texts).collect()
}

/// What a dry run made.
pub(crate) fn print_made(out: &mut dyn Write, made: &Produced) -> anyhow::Result<()> {
    print_losses(out, &made.notes)?;
    let Produced { exports, spans, bytes: size, .. } = made;
    writeln!(
        out,
        "\nnothing was sent: {} in {} of {}",
        counted(*spans, "span"),
        counted(*exports, "export"),
        bytes(*size)
    )?;
    Ok(())
}

/// How a replay went.
pub(crate) fn print(out: &mut dyn Write, replayed: &Replayed) -> anyhow::Result<()> {
    let Replayed { sent, notes, .. } = replayed;
    let total = sent.summary.total();
    print_losses(out, notes)?;
    let header = ["spans", "acked", "rejected", "indeterminate"].map(|name| (name, Align::Right));
    let mut header = header.to_vec();
    let mut row = vec![total.issued.spans, total.acked, total.rejected, total.indeterminate];
    let sometimes = [
        ("in part", total.partial),
        ("of it taken", total.partial_taken),
        ("not started", total.not_started.spans),
        ("sent before", sent.taken_before),
        ("retries", total.retries),
    ];
    for (name, count) in sometimes.into_iter().filter(|(_, count)| *count > 0) {
        header.push((name, Align::Right));
        row.push(count);
    }
    let row = row.into_iter().map(grouped).collect();
    write!(out, "\n{}", table::render(&header, [row]))?;
    writeln!(
        out,
        "\n{} in {}: {} spans/s",
        counted(total.exports, "export"),
        duration(sent.elapsed),
        crate::text::numbers::amount(per_second(total.taken(), sent.elapsed))
    )?;
    print_latency(out, &sent.summary)?;
    for (code, trouble) in &sent.summary.troubles {
        writeln!(out, "{code}  {}: {}", counted(trouble.exports, "export"), plain(&trouble.message))?;
    }
    Ok(())
}

/// What a capture came to.
pub(crate) fn print_recorded(out: &mut dyn Write, recorded: &Recorded) -> anyhow::Result<()> {
    let Recorded { requests, bytes: size, files, acked, refused, other, missed, .. } = recorded;
    let known: u64 = acked + refused + other;
    writeln!(
        out,
        "{} of {} recorded in {}: {} acked, {} refused, {} with another outcome, {} unanswered",
        counted(*requests, "request"),
        bytes(*size),
        counted(files.len() as u64, "file"),
        grouped(*acked),
        grouped(*refused),
        grouped(*other),
        grouped(requests.saturating_sub(known))
    )?;
    if *missed > 0 {
        writeln!(out, "NOT recorded, but forwarded: {}", counted(*missed, "request"))?;
    }
    Ok(())
}
