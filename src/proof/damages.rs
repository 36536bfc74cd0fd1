//! The library of damages: what is done to a copy of a store, and every check that fires.
//!
//! Named operations on bytes, files, rows, snapshots and ledgers, shared by the tests of the checks and `selftest`.

use super::bench::Bench;

pub(crate) mod columns;
pub(crate) mod copies;
pub(crate) mod files;
pub(crate) mod ledger;
pub(crate) mod rows;
mod snapshot;

/// A name, the run to hold against (`first` is the one in the cold file, `latest` the one in the segment and every
/// other that the store has rows of), what is done to the store, and all that fires: of each check that neither passes
/// nor is skipped, its verdict where that is no failure, and how many findings it has.
pub(crate) type Damage = (&'static str, &'static str, fn(&Bench) -> anyhow::Result<()>, &'static str);

/// Damages to a store with two runs of the profile `getting-started`, two services with two workflows each.
pub(crate) fn all() -> impl Iterator<Item = &'static Damage> {
    [rows::DAMAGES, columns::DAMAGES, files::DAMAGES, snapshot::DAMAGES, copies::DAMAGES, ledger::DAMAGES]
        .into_iter()
        .flatten()
}

/// What fires by structure alone, where that is anything.
const BY_STRUCTURE: &[(&str, &str)] = &[
    ("drop_a_root", "running_parents: info, 4"),
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
    ("change_the_snapshot_of_flushed_rows", "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1"),
    ("double_the_snapshot_of_flushed_rows", "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1"),
    ("store_a_row_twice", "duplicate_spans: 1"),
    ("copy_cold_file", "duplicate_spans: 20"),
    ("flush_without_deleting", "overlapping_spans: warn, 20"),
    ("back_up_a_cold_file_inside_the_store", "duplicate_spans: 20; misplaced_cold_files: warn, 1"),
    ("store_both_attempts", "duplicate_spans: 5"),
    ("store_both_attempts_in_two_files", "duplicate_spans: 5"),
    ("store_a_refused_attempt", "duplicate_spans: 5"),
    ("store_more_copies_than_attempts", "duplicate_spans: 5"),
    ("store_both_attempts_unequally", "conflicting_duplicates: 1; duplicate_spans: 4"),
    ("store_both_attempts_with_the_same_change", "duplicate_spans: 5"),
    ("lose_what_was_just_acked", "snapshot_differs_from_wal: 20"),
];

/// What a damage fires where no run is held against the store.
pub(crate) fn by_structure(name: &str) -> &'static str {
    BY_STRUCTURE.iter().find(|(damage, _)| *damage == name).map_or("", |(_, fires)| fires)
}
