//! Tables of the studio's index, and of what its pages find by it.

use super::{Needs, Table, flag, number, text, time};
use crate::tables::index;

const FILE: &str =
    "the cold file that the path names, relative to the spans folder; null if there is none here";
const PATH: &str = "path of the file, as the studio's backend sees it";

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "indexed_files",
        about: "one row per cold file of the studio's index (parquet_files)",
        needs: Needs::Listing,
        columns: &[&[
            number("file_id", "its number, in the order of indexing"),
            text("path", PATH),
            text("file", FILE),
            flag("is_gone", "whether no such file is here any more"),
            number("size", "bytes when it was indexed"),
            number("rows", "rows when it was indexed"),
            number("traces", "traces that lead to it (trace_files)"),
            time("first_start", "earliest start of its rows, to the microsecond"),
            time("last_end", "latest end of its rows, to the microsecond"),
            time("indexed_at", "when it was indexed, to the second"),
        ]],
        make: |sources| Box::pin(index::indexed_files(sources)),
    },
    Table {
        name: "indexed_traces",
        about: "one row per trace and file of the studio's index (trace_files)",
        needs: Needs::Listing,
        columns: &[&[
            text("trace_id", "as stored"),
            text("path", PATH),
            text("file", FILE),
            flag("is_llm", "whether the trace is under LLM for a service of the file (llm_traces)"),
        ]],
        make: |sources| Box::pin(index::indexed_traces(sources)),
    },
    Table {
        name: "indexed_services",
        about: "one row per service and file of the studio's index (file_services, workflow_files, agent_files)",
        needs: Needs::Listing,
        columns: &[&[
            text("service_name", "as stored"),
            text("path", PATH),
            text("file", FILE),
            time("flushed_at", "when the file was written, from its name"),
            number("spans", "spans of the service; null if file_services lacks the row"),
            time("last_end", "latest end of all rows of the file, which the lists sort by"),
            flag("has_workflows", "whether the list of workflows reads the file"),
            flag("has_agents", "whether the list of agents reads the file; null before studio 0.82"),
            number(
                "rank",
                "place of the file among those of the service, the latest end first; lists read 20",
            ),
            number("workflow_rank", "the same among the files with workflows"),
            number("flush_rank", "place of the file among those of the service, the last written first"),
        ]],
        make: |sources| Box::pin(index::indexed_services(sources)),
    },
    Table {
        name: "failed_files",
        about: "one row per file that the studio's indexer gave up (failed_parquet_files)",
        needs: Needs::Listing,
        columns: &[&[
            text("path", PATH),
            text("file", FILE),
            text("error_type", "Python class of the error"),
            text("error_message", "its text"),
            number("size", "bytes when it was tried"),
            time("failed_at", "when it was tried, to the second"),
        ]],
        make: |sources| Box::pin(index::failed_files(sources)),
    },
    Table {
        name: "visible_files",
        about: "one row per cold file beside an index: whether the studio's pages find it",
        needs: Needs::Sweep,
        columns: &[&[
            text("file", "relative to the spans folder"),
            text(
                "state",
                "indexed, changed (since then), failed, recent (found without the index), waiting, stuck, undecided, \
                 unread (none of the store is indexed), foreign (the index is another store's) or damaged",
            ),
            text(
                "cause",
                "of stuck: passed_over, indexer_stopped or tmp_folder; of failed: database_locked, \
                 attributes_not_an_object, not_whole_then, time_out_of_range or other",
            ),
            time("named_at", "when it was flushed, from its name"),
            number("spans", "rows of it"),
            number("traces", "traces with rows in it"),
            number("workflows", "rows of workflows"),
            number("agents", "rows of agents"),
            text("services", "names of the services with rows in it, the first five"),
            text("path", "its path in the index"),
            time("indexed_at", "when it was indexed, to the second"),
            text(
                "difference",
                "in what it differs from what was indexed: bytes, rows, earliest start, latest end",
            ),
            text("error_type", "Python class of the error that the indexer gave it up for"),
            text("error_message", "text of that error"),
            time("failed_at", "when it was given up, to the second"),
        ]],
        make: |sources| Box::pin(index::visible_files(sources)),
    },
    Table {
        name: "index_differences",
        about: "one row per entry that the index of a file lacks, or has too much",
        needs: Needs::Sweep,
        columns: &[&[
            text("tier", "cold"),
            text("file", "the indexed file, relative to the spans folder"),
            text("entry", "trace_files, file_services, workflow_files, agent_files or llm_traces"),
            flag("is_missing", "whether the index lacks it; else it has it too much"),
            text("service_name", "service of the entry"),
            text("trace_id", "trace of the entry"),
            number("spans", "rows of the file that are out of sight without it"),
            flag("before_upgrade", "whether the file was indexed before the indexer noted agents"),
        ]],
        make: |sources| Box::pin(index::index_differences(sources)),
    },
    Table {
        name: "studio_index",
        about: "one row per store: the state of the studio's index",
        needs: Needs::Sweep,
        columns: &[&[
            text("file", "relative to the data directory"),
            text("state", "read, absent or unreadable"),
            text("problem", "why it is not read"),
            flag("has_agent_files", "whether a backend of studio 0.82 has opened it"),
            number("indexed_files", "files that it has"),
            number("failed_files", "files that it gave up"),
            number("indexed_traces", "pairs of trace and file that it has"),
            number("cold_files", "cold files of the store"),
            number("matched_files", "those that it has"),
            number("waiting_files", "those that it neither has nor gave up"),
            flag(
                "is_of_another_store",
                "whether none of its paths leads to a file here, and files here are due",
            ),
            number("folders", "folders that its paths begin with"),
            text("folder_names", "their names"),
            time("last_work_at", "when the indexer last indexed a file or gave one up"),
            time("written_at", "when the database was last written to"),
        ]],
        make: |sources| Box::pin(index::studio_index(sources)),
    },
];
