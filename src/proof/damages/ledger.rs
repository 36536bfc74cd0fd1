//! Ledgers that say another thing than what was done, and stores that explain it.

use std::fs;

use super::{Damage, files::truncate};
use crate::{
    base::clock::unix_nanos,
    contract::{columns, row::Row},
    ledger::{entry::Entry, writer::LedgerWriter},
    proof::{
        bench::Bench,
        rows::{write_parquet, write_stream},
    },
    wire::outcome::{ExportOutcome, GrpcCode},
};

pub(super) const DAMAGES: &[Damage] = &[
    (
        "refuse_what_is_stored",
        "latest",
        |bench| {
            bench.alter_ledger(1, |text| {
                text.replacen("\"outcome\":\"acked\"", "\"outcome\":\"rejected\",\"code\":\"UNAVAILABLE\"", 1)
            })
        },
        "ledger_contradicts_results: 1; refused_but_stored: 5",
    ),
    (
        "take_more_than_was_said",
        "latest",
        |bench| {
            bench.alter_ledger(1, |text| {
                text.replacen("\"outcome\":\"acked\"", "\"outcome\":\"partial\",\"rejected_spans\":2", 1)
            })
        },
        "ledger_contradicts_results: 1; partial_success_broken: 1",
    ),
    (
        "reject_more_than_was_sent",
        "latest",
        |bench| {
            bench.alter_ledger(1, |text| {
                text.replacen("\"outcome\":\"acked\"", "\"outcome\":\"partial\",\"rejected_spans\":9", 1)
            })
        },
        "ledger_contradicts_results: 1; partial_success_broken: 1",
    ),
    (
        "store_both_attempts",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"])?;
            bench.alter_cold(|rows| store_five_again(rows, 1))
        },
        "retry_duplicates: info, 5",
    ),
    ("store_the_second_of_two_attempts", "latest", |bench| retry_exports(bench, &["indeterminate"]), ""),
    (
        "store_both_attempts_in_two_files",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"])?;
            write_parquet(&bench.beside(1)?, &bench.cold_rows()?[..5], bench.schema)
        },
        "retry_duplicates: info, 5",
    ),
    (
        "store_a_refused_attempt",
        "latest",
        |bench| {
            retry_exports(bench, &["rejected"])?;
            bench.alter_cold(|rows| store_five_again(rows, 1))
        },
        "duplicate_spans: 5",
    ),
    (
        "store_more_copies_than_attempts",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate", "rejected"])?;
            bench.alter_cold(|rows| store_five_again(rows, 2))
        },
        "duplicate_spans: 5",
    ),
    (
        "store_both_attempts_unequally",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"])?;
            bench.try_alter_cold(|rows| {
                store_five_again(rows, 1);
                rows.last_mut()?.name.push('x');
                Some(())
            })
        },
        "conflicting_duplicates: 1; retry_duplicates: info, 4; altered_spans: 1",
    ),
    (
        "store_both_attempts_with_the_same_change",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"])?;
            bench.alter_cold(|rows| {
                rows[0].name.push('x');
                store_five_again(rows, 1);
            })
        },
        "retry_duplicates: info, 5; altered_spans: 2",
    ),
    (
        "forget_an_export",
        "latest",
        |bench| bench.alter_ledger(1, |text| without_lines(text, "\"export\":2,")),
        "ledger_contradicts_results: 1; unexpected_spans: 5",
    ),
    (
        "kill_the_generator_before_an_answer",
        "latest",
        |bench| bench.alter_ledger(1, |text| without_lines(text, "export_ended")),
        "ledger_contradicts_results: 1; recovered_spans: info, 20",
    ),
    (
        "lose_what_was_just_acked",
        "latest",
        lose_what_was_just_acked,
        "pending_spans: inconclusive, 20; snapshot_differs_from_wal: 20",
    ),
    (
        "ack_just_now_what_is_stored",
        "latest",
        |bench| end_exports_now(bench, &[Some(ExportOutcome::Acked)]),
        "",
    ),
    (
        "store_both_attempts_in_both_tiers",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"])?;
            let segment = bench.segment_file()?.with_file_name("batch_1995466683733889754_0009.ipc");
            write_stream(&segment, &columns::batch(&bench.cold_rows()?, bench.schema)?)
        },
        "retry_duplicates: info, 20; stale_hot_snapshot: info, 1",
    ),
    (
        "tear_the_segment_of_what_was_just_acked",
        "latest",
        |bench| {
            truncate(&bench.segment_file()?)?;
            end_exports_now(bench, &[Some(ExportOutcome::Acked)])
        },
        "pending_spans: inconclusive, 20; torn_segments: 1; wedged_wal: 1",
    ),
    (
        "lose_what_was_just_answered_otherwise",
        "latest",
        |bench| {
            fs::remove_file(bench.segment_file()?)?;
            let code = GrpcCode::Unavailable;
            let outcomes = [
                Some(ExportOutcome::Rejected { code }),
                Some(ExportOutcome::Indeterminate { code }),
                Some(ExportOutcome::Partial { rejected_spans: 2 }),
                None,
            ];
            end_exports_now(bench, &outcomes)
        },
        "ledger_contradicts_results: 1; snapshot_differs_from_wal: 20",
    ),
    (
        "forget_a_run_and_its_spans",
        "first",
        |bench| of_the_first_run(bench, |text| without_lines(text, "\"export\":"), lose_the_cold_file),
        "ledger_contradicts_results: 1",
    ),
    (
        "lose_what_was_never_answered",
        "first",
        |bench| of_the_first_run(bench, |text| without_lines(text, "export_ended"), lose_the_cold_file),
        "ledger_contradicts_results: 1",
    ),
    (
        "refuse_a_run_and_store_nothing",
        "first",
        |bench| of_the_first_run(bench, refused, lose_the_cold_file),
        "ledger_contradicts_results: 1",
    ),
    (
        "refuse_a_run_beside_an_unreadable_file",
        "first",
        |bench| of_the_first_run(bench, refused, |bench| truncate(&bench.cold_file()?)),
        "ledger_contradicts_results: 1; unreadable_files: 1",
    ),
    (
        "lose_what_partial_successes_took",
        "first",
        |bench| of_the_first_run(bench, partly_taken, lose_the_cold_file),
        "ledger_contradicts_results: 1; partial_success_broken: 4",
    ),
    (
        "lose_what_partial_successes_took_in_an_unreadable_file",
        "first",
        |bench| of_the_first_run(bench, partly_taken, |bench| truncate(&bench.cold_file()?)),
        "ledger_contradicts_results: 1; unreadable_files: 1",
    ),
];

fn without_lines(text: &str, about: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.contains(about)).collect()
}

/// Writes into the ledger of the run in the cold file that every export was tried again, after attempts that
/// ended so.
pub(crate) fn retry_exports(bench: &Bench, ended: &[&str]) -> anyhow::Result<()> {
    let retries = |export: &str| {
        let line = |(outcome, attempt): (&&str, u32)| {
            let ended = format!(r#""outcome":"{outcome}","code":"UNAVAILABLE""#);
            format!(r#"{{"event":"export_retried","export":{export},"attempt":{attempt},"at":1,{ended}}}"#)
                + "\n"
        };
        ended.iter().zip(2..).map(line).collect::<String>()
    };
    bench.alter_ledger(0, |text| {
        let with_retries = |line: &str| match line.strip_prefix(r#"{"event":"export_started","export":"#) {
            Some(rest) => format!("{line}{}", retries(rest.split(',').next().unwrap_or_default())),
            None => line.to_owned(),
        };
        text.split_inclusive('\n').map(with_retries).collect()
    })
}

/// So many further copies of the first five rows.
pub(crate) fn store_five_again(rows: &mut Vec<Row>, copies: usize) {
    for _ in 0..copies {
        rows.extend_from_within(..5);
    }
}

fn of_the_first_run(
    bench: &Bench,
    edit: fn(&str) -> String,
    damage: fn(&Bench) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    bench.alter_ledger(0, edit)?;
    damage(bench)
}

fn lose_the_cold_file(bench: &Bench) -> anyhow::Result<()> {
    Ok(fs::remove_file(bench.cold_file()?)?)
}

fn refused(text: &str) -> String {
    text.replace("\"outcome\":\"acked\"", "\"outcome\":\"rejected\",\"code\":\"UNAVAILABLE\"")
}

fn partly_taken(text: &str) -> String {
    text.replace("\"outcome\":\"acked\"", "\"outcome\":\"partial\",\"rejected_spans\":2")
}

fn lose_what_was_just_acked(bench: &Bench) -> anyhow::Result<()> {
    fs::remove_file(bench.segment_file()?)?;
    end_exports_now(bench, &[Some(ExportOutcome::Acked)])
}

/// Writes into the ledger of the run in the segment that its exports end now, with these outcomes in turn.
fn end_exports_now(bench: &Bench, outcomes: &[Option<ExportOutcome>]) -> anyhow::Result<()> {
    let ledger = bench.ledger_file(1)?;
    fs::remove_file(&ledger)?;
    let writer = LedgerWriter::create(&ledger)?;
    let at = unix_nanos();
    for (export, outcome) in (0..4).zip(outcomes.iter().cycle()) {
        let (stream, first) = ((export % 2) as u32, export / 2 * 5);
        writer.append(&Entry::ExportStarted { export, stream, first, count: 5, at })?;
        if let Some(outcome) = *outcome {
            writer.append(&Entry::ExportEnded { export, at, outcome })?;
        }
    }
    Ok(())
}
