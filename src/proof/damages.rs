//! The library of damages: what is done to a copy of a store, and every check that fires.
//!
//! Named operations on bytes, files, rows, snapshots, indexes and ledgers, shared by the tests of the checks and
//! `selftest`. What is expected to fire is a text that [`expectation`](super::expectation) reads.

use anyhow::Context;

use self::executions::Case;
use super::bench::Bench;
use crate::contract::{row::Row, schema::Schema};

mod absences;
pub(crate) mod agents;
pub(crate) mod columns;
pub(crate) mod copies;
pub(crate) mod executions;
pub(crate) mod families;
pub(crate) mod files;
mod index;
pub(crate) mod ledger;
mod links;
mod losses;
pub(crate) mod rows;
mod services;
mod snapshot;
pub(crate) mod structure;
mod times;
pub(crate) mod workflows;

/// In nanoseconds.
const HOUR: i64 = 3_600_000_000_000;

/// A name, the run to hold against (`first` is the one in the cold file, `latest` the one in the segment and every
/// other that the store has rows of), what is done to the store, and all that fires: of each check that neither passes
/// nor is skipped, its verdict where that is no failure, and how many findings it has.
pub(crate) type Damage = (&'static str, &'static str, fn(&Bench) -> anyhow::Result<()>, &'static str);

/// The stores that damages are done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ground {
    /// Two runs of the profile `getting-started`, two services with two workflows each: one is in a cold file, one in
    /// a segment, of which there is a snapshot.
    Runs,
    /// Workflows of several services that no known run sent, days ago, in cold files and a segment.
    Apps,
    /// As apps, workflows and agents in one cold file and nothing beside it.
    Executions,
    /// A run of the profile `adversarial` in a cold file.
    EdgeValues,
}

impl Ground {
    /// The runs that a store is held against, and silent where nothing was done to it.
    pub(super) fn runs(self) -> &'static [&'static str] {
        match self {
            Self::Runs => &["first", "latest", "none"],
            Self::Apps | Self::Executions => &["none"],
            // Without its run nobody knows that what is odd was sent so.
            Self::EdgeValues => &["all"],
        }
    }
}

/// A damage of the library, and what it is done to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planting {
    pub(crate) name: &'static str,
    pub(crate) ground: Ground,
    pub(crate) schemas: &'static [Schema],
    pub(crate) run: &'static str,
    pub(crate) fires: &'static str,
    act: Act,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Store(fn(&Bench) -> anyhow::Result<()>),
    /// The first execution that is fit for it.
    Execution(fn(&[Row]) -> Vec<Row>, fn(&mut Vec<Row>, &Row) -> Option<()>),
}

impl Planting {
    pub(crate) fn apply(&self, bench: &Bench) -> anyhow::Result<()> {
        match self.act {
            Act::Store(apply) => apply(bench),
            Act::Execution(fit, apply) => bench.try_alter_cold(|rows| {
                let execution = fit(rows).into_iter().next()?;
                apply(rows, &execution)
            }),
        }
        .with_context(|| format!("cannot do the damage `{}`", self.name))
    }

    /// The runs to hold against, and what it fires then: where it names one, without any run, too.
    pub(crate) fn audits(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let is_another = self.ground == Ground::Runs && self.run != "none";
        [(self.run, self.fires)].into_iter().chain(is_another.then(|| ("none", by_structure(self.name))))
    }
}

const BOTH: &[Schema] = &[Schema::V1, Schema::V2];

/// All damages, each with its ground.
pub(crate) fn every() -> impl Iterator<Item = Planting> {
    let on = |ground: Ground, schemas: &'static [Schema], damages: &'static [Damage]| {
        damages.iter().map(move |(name, run, apply, fires)| Planting {
            name,
            ground,
            schemas,
            run,
            fires,
            act: Act::Store(*apply),
        })
    };
    let of = |fit: fn(&[Row]) -> Vec<Row>, cases: &'static [Case]| {
        cases.iter().map(move |(name, apply, fires)| Planting {
            name,
            ground: Ground::Executions,
            schemas: &[Schema::V2],
            run: "none",
            fires,
            act: Act::Execution(fit, *apply),
        })
    };
    let of_runs = [
        rows::DAMAGES,
        columns::DAMAGES,
        files::DAMAGES,
        snapshot::DAMAGES,
        copies::DAMAGES,
        ledger::DAMAGES,
        absences::DAMAGES,
        services::DAMAGES,
    ];
    let of_runs = of_runs.into_iter().flat_map(move |damages| on(Ground::Runs, BOTH, damages));
    let of_apps: [(&'static [Schema], &'static [Damage]); 9] = [
        (&[Schema::V2], structure::DAMAGES),
        (&[Schema::V2], absences::OF_APPS),
        (&[Schema::V2], links::DAMAGES),
        (&[Schema::V2], services::OF_APPS),
        (&[Schema::V2], times::DAMAGES),
        (&[Schema::V2], index::DAMAGES),
        (&[Schema::V1], structure::OF_SCHEMA_1),
        (&[Schema::V1], index::OF_SCHEMA_1),
        (&[Schema::V1], links::OF_SCHEMA_1),
    ];
    let of_apps = of_apps.into_iter().flat_map(move |(schemas, damages)| on(Ground::Apps, schemas, damages));
    let of_executions =
        [index::OF_EXECUTIONS, families::DAMAGES, absences::OF_EXECUTIONS, workflows::OF_SUBFLOWS];
    let of_executions =
        of_executions.into_iter().flat_map(move |damages| on(Ground::Executions, &[Schema::V2], damages));
    let of_each =
        of(executions::workflows, workflows::DAMAGES).chain(of(executions::agents, agents::DAMAGES));
    let of_edge_values = on(Ground::EdgeValues, &[Schema::V2], losses::DAMAGES);
    of_runs.chain(of_apps).chain(of_executions).chain(of_each).chain(of_edge_values)
}

/// What fires by structure alone, where that is anything.
const BY_STRUCTURE: &[(&str, &str)] = &[
    ("drop_a_root", "running_parents: info, 4"),
    ("drop_a_root_and_a_leaf", "running_parents: info, 3"),
    ("move_a_row_to_another_service", "polluted_service_name: 1"),
    ("move_a_row_to_another_resource", "polluted_resource: 1"),
    ("give_a_row_other_tags", "polluted_attributes: 1"),
    ("double_a_key", "duplicate_json_keys: 1"),
    ("shift_a_start_by_a_nanosecond", "wrong_durations: 1"),
    ("change_a_parent", "several_roots: info, 1"),
    ("break_json", "invalid_json: 1"),
    ("space_json_out", "noncanonical_events: warn, 1"),
    ("damage_a_trace_id", "parent_in_other_trace: 1"),
    ("rename_a_column", "unreadable_files: 1"),
    ("store_durations_with_a_fraction", "unreadable_files: 1"),
    ("store_kinds_as_floats", "unreadable_files: 1"),
    ("store_starts_in_milliseconds", "unreadable_files: 1"),
    ("store_names_as_bytes", "unreadable_files: 1"),
    ("store_durations_of_the_segment_with_a_fraction", "torn_segments: 1"),
    ("store_kinds_of_the_snapshot_as_floats", "unreadable_files: 1"),
    ("truncate_cold_file", "unreadable_files: 1"),
    ("truncate_cold_file_of_the_run", "unreadable_files: 1"),
    ("empty_cold_file", "empty_files: 1"),
    ("truncate_segment", "torn_segments: 1; wedged_wal: 1"),
    ("cut_end_marker", "torn_segments: 1"),
    ("empty_segment", "empty_files: 1; wedged_wal: 1"),
    ("delete_segment", "snapshot_differs_from_wal: 20"),
    ("delete_everything", "snapshot_differs_from_wal: 20"),
    ("upgrade_with_segments_left", "stale_hot_snapshot: info, 1; wedged_wal: 1; mixed_schemas: 1"),
    ("leave_an_old_temp_file", "leftover_temp_files: warn, 1"),
    ("move_a_cold_file_to_another_day", "misplaced_cold_files: warn, 1"),
    ("rename_a_cold_file", "misplaced_cold_files: warn, 1"),
    ("misplace_an_unreadable_file", "unreadable_files: 1; misplaced_cold_files: warn, 1"),
    ("misplace_an_empty_file", "empty_files: 1; misplaced_cold_files: warn, 1"),
    ("put_a_foreign_file_beside", "unreadable_files: 1"),
    ("write_a_segment_without_a_row", "empty_files: 1"),
    ("flip_a_bit_in_a_footer_statistic", "false_statistics: 1"),
    ("append_a_byte_to_the_segment", "torn_segments: 1"),
    ("flush_and_keep_the_snapshot", "stale_hot_snapshot: info, 1"),
    ("change_the_snapshot", "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1"),
    ("copy_one_row_over_the_snapshot", "snapshot_differs_from_wal: 158; stale_hot_snapshot: info, 1"),
    (
        "lose_one_row_of_the_snapshot_and_double_another",
        "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "change_the_snapshot_of_rows_in_both_tiers",
        "overlapping_spans: warn, 20; snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    ("empty_the_snapshot", "stale_hot_snapshot: info, 1"),
    (
        "change_the_snapshot_beside_an_unreadable_file",
        "unreadable_files: 1; snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "change_the_snapshot_of_flushed_rows_beside_an_unreadable_file",
        "unreadable_files: 1; snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    ("change_the_snapshot_of_flushed_rows", "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1"),
    ("double_the_snapshot_of_flushed_rows", "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1"),
    ("store_a_row_twice", "duplicate_spans: 1"),
    ("copy_cold_file", "duplicate_spans: 20"),
    ("flush_without_deleting", "overlapping_spans: warn, 20"),
    ("flush_without_deleting_and_change_a_row", "overlapping_spans: warn, 19; conflicting_duplicates: 1"),
    ("back_up_a_cold_file_behind_the_others", "duplicate_spans: 20; misplaced_cold_files: warn, 1"),
    (
        "copy_the_cold_file_beside_two_misplaced_files",
        "duplicate_spans: 20; empty_files: 2; misplaced_cold_files: warn, 2",
    ),
    (
        "lose_links_beside_a_file_that_is_older_than_the_run",
        "orphan_spans: 1; rootless_traces: 1; unresolved_parents: warn, 1",
    ),
    ("copy_the_segment", "duplicate_spans: 20; stale_hot_snapshot: info, 1"),
    ("flush_two_copies", "duplicate_spans: 20"),
    ("reflush_without_deleting", "duplicate_spans: 20"),
    ("flush_doubled_segments", "duplicate_spans: 20; stale_hot_snapshot: info, 1"),
    ("back_up_a_cold_file_inside_the_store", "duplicate_spans: 20; misplaced_cold_files: warn, 1"),
    ("store_both_attempts_in_both_tiers", "overlapping_spans: warn, 20; stale_hot_snapshot: info, 1"),
    ("store_both_attempts", "duplicate_spans: 5"),
    ("store_both_attempts_in_two_files", "duplicate_spans: 5"),
    ("store_a_refused_attempt", "duplicate_spans: 5"),
    ("store_more_copies_than_attempts", "duplicate_spans: 5"),
    ("store_both_attempts_unequally", "conflicting_duplicates: 1; duplicate_spans: 4"),
    ("store_both_attempts_with_the_same_change", "duplicate_spans: 5"),
    ("lose_what_was_just_acked", "snapshot_differs_from_wal: 20"),
    ("lose_what_was_just_answered_otherwise", "snapshot_differs_from_wal: 20"),
    ("tear_the_segment_of_what_was_just_acked", "torn_segments: 1; wedged_wal: 1"),
    ("refuse_a_run_beside_an_unreadable_file", "unreadable_files: 1"),
    ("lose_what_partial_successes_took_in_an_unreadable_file", "unreadable_files: 1"),
];

fn by_structure(name: &str) -> &'static str {
    BY_STRUCTURE.iter().find(|(damage, _)| *damage == name).map_or("", |(_, fires)| fires)
}
