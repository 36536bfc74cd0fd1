//! Mutants that are no mistake: nothing that a store can hold makes them find anything else.

const TWO_COPIES: &str = "the check itself asks for more copies than one";
const NO_ATTEMPTS: &str = "of a row without a run no attempt is known: one is taken for sent, and no number of copies \
                           lies between two and one";
const DIFFER: &str = "rows that differ are two at least";
const BEHIND: &str = "only of an acked span is an absence behind a barrier";
const MANY_COLD: &str = "copies in several files and none in the WAL lie in several cold files";
const NO_DUPLICATE: &str =
    "a misplaced file without a duplicate has no copies, and WHERE takes rows that have";
const ONE_SNAPSHOT: &str = "the one hot file is the snapshot, of which this check reads the rows or counts";
const IO_ERROR: &str = "a segment is unreadable only where the disk fails, and torn otherwise";
const SAME_TIME: &str = "no two files of a store have names of the same nanosecond";
const ABSENT: &str = "a witness of an absent parent is only where a parent is named and absent";
const WITNESS: &str = "the key alone makes a difference one of a witness";

/// The check or view, the mutant by its name, and why it cannot be told from the check.
pub(super) const EQUIVALENT: &[(&str, &str, &str)] = &[
    ("conflicting_duplicates by the view duplicated_spans", "drop `copies > 1`", TWO_COPIES),
    ("conflicting_duplicates by the view duplicated_spans", "> to >= in `copies > 1`", TWO_COPIES),
    ("duplicate_spans by the view duplicated_spans", "drop `copies > 1`", TWO_COPIES),
    ("overlapping_spans by the view duplicated_spans", "drop `copies > 1`", TWO_COPIES),
    ("overlapping_spans by the view duplicated_spans", "> to >= in `copies > 1`", TWO_COPIES),
    ("retry_duplicates by the view duplicated_spans", "drop `is_last_copy`", NO_ATTEMPTS),
    ("retry_duplicates by the view duplicated_spans", "drop `copies > 1`", NO_ATTEMPTS),
    ("retry_duplicates by the view duplicated_spans", "AND to OR before `is_last_copy`", NO_ATTEMPTS),
    ("retry_duplicates by the view duplicated_spans", "negate `copies > 1`", NO_ATTEMPTS),
    ("retry_duplicates by the view duplicated_spans", "negate `is_last_copy`", NO_ATTEMPTS),
    ("retry_duplicates by the view duplicated_spans", "> to >= in `copies > 1`", NO_ATTEMPTS),
    ("retry_duplicates", "drop `attempts IS NOT NULL`", NO_ATTEMPTS),
    ("conflicting_duplicates", "drop `copies > 1`", DIFFER),
    ("conflicting_duplicates", "> to >= in `copies > 1`", DIFFER),
    ("lost_spans", "drop `outcome = 'acked'`", BEHIND),
    ("unproven_spans", "drop `outcome = 'acked'`", BEHIND),
    ("lost_acks", "drop `outcome = 'acked'`", BEHIND),
    (
        "unproven_spans",
        "drop `behind_barrier`",
        "whether a file may hold a span is asked only where its absence is behind a barrier",
    ),
    ("duplicate_spans", "drop `cold_files > 1`", MANY_COLD),
    ("duplicate_spans", "> to >= in `cold_files > 1`", MANY_COLD),
    (
        "duplicate_spans",
        "FULL in place of `RIGHT JOIN ((SELECT file AS name FROM files WHERE misplaced) last_place RIGHT JOIN \
         duplicated_spans ON last_place.name = file) ON first_place.name = first_file`",
        NO_DUPLICATE,
    ),
    (
        "duplicate_spans",
        "FULL in place of `RIGHT JOIN duplicated_spans ON last_place.name = file`",
        NO_DUPLICATE,
    ),
    (
        "altered_spans",
        "NULL is no value in `column_name IS DISTINCT FROM 'parent_span_id'`",
        "a difference without a column is one of a replay whose source is gone, which the matrix has none of: it is \
         planted in the tests of replays",
    ),
    (
        "leftover_temp_files",
        "> to >= in `age_seconds > 60`",
        "a file that is a minute old to the second is older in the next audit",
    ),
    (
        "misplaced_cold_files",
        "drop `health IN ('ok', 'unreadable', 'empty')`",
        "files of another health have no place to be in, and are not misplaced",
    ),
    ("snapshot_differs_from_wal", "drop `tier <> 'hot'`", ONE_SNAPSHOT),
    ("stale_hot_snapshot", "drop `tier = 'hot'`", ONE_SNAPSHOT),
    ("wedged_wal", "drop 'unreadable' in `health IN ('ok', 'torn', 'empty', 'unreadable')`", IO_ERROR),
    (
        "wedged_wal",
        "drop 'unreadable' in `segment.health IN ('ok', 'torn', 'empty', 'unreadable')`",
        IO_ERROR,
    ),
    (
        "wedged_wal",
        "< to <= in `segment.named_at < (SELECT max(named_at) FROM files WHERE schema_version = 2)`",
        SAME_TIME,
    ),
    (
        "unlisted_agents",
        "drop `is_missing`",
        "a file that the index has too much of in its list of agents was indexed after the upgrade",
    ),
    (
        "unlisted_files",
        "> to >= in `last_end > flushed_at + INTERVAL '1 day'`",
        "this one names the cause of what the condition below has found, which takes no file of exactly a day",
    ),
    (
        "unlisted_files",
        "drop `file IS NOT NULL`",
        "of a file that is gone no time of its flush is known, and both conditions ask for it",
    ),
    ("orphan_spans", "drop `NOT parent_here`", ABSENT),
    ("orphan_spans", "drop `has_parent`", ABSENT),
    ("orphan_spans", "AND to OR before `NOT parent_here`", ABSENT),
    ("polluted_attributes", "drop `kind = 'witness'`", WITNESS),
    ("polluted_resource", "drop `kind = 'witness'`", WITNESS),
    (
        "service_mismatch",
        "drop `service_name IS NULL`",
        "a service that is null differs from a resource that names one, which is asked first",
    ),
    (
        "wrong_durations",
        "NULL is no value in `interval_ns IS DISTINCT FROM duration_ns`",
        "of a row with a null among its times both are null",
    ),
];
