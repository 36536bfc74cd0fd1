//! What the tables and their columns mean, said in this one place.
//!
//! A test holds it against the tables as they are: every column is described, and nothing else is.

/// A table, or a group of columns that several tables share.
#[derive(Debug)]
pub(crate) struct TableDoc {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) source: Source,
    columns: &'static [&'static [ColumnDoc]],
}

type ColumnDoc = (&'static str, &'static str);

/// Where a table's rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The files of the store as a statement meets them.
    Store,
    /// Manifests and ledgers, without a look at the store.
    Runs,
    /// The last audit, as it was saved with its run.
    Audit,
    /// A sweep of the whole store, held against its runs; once, and again when files have changed.
    Sweep,
}

impl TableDoc {
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static ColumnDoc> {
        self.columns.iter().copied().flatten()
    }

    /// What a column means.
    pub(crate) fn column(&self, name: &str) -> Option<&'static str> {
        self.columns().find(|(column, _)| *column == name).map(|(_, meaning)| *meaning)
    }
}

pub(crate) fn table(name: &str) -> Option<&'static TableDoc> {
    TABLES.iter().find(|table| table.name == name)
}

const ADDRESS: &[ColumnDoc] = &[
    ("tier", "where the row lies: cold (a Parquet file), wal (a segment) or hot (the snapshot, a copy)"),
    ("file", "its file, relative to the spans folder"),
    ("row_number", "its place in the file, from 0"),
];

const IDS: &[ColumnDoc] = &[
    ("trace_id", "lower-case hex, 32 digits where the sender kept to OTLP"),
    ("span_id", "lower-case hex, 16 digits where the sender kept to OTLP"),
];

const SPAN: &[ColumnDoc] = &[
    ("span_id", "lower-case hex, 16 digits where the sender kept to OTLP"),
    ("trace_id", "lower-case hex, 32 digits where the sender kept to OTLP"),
    ("parent_span_id", "the parent's span id; null for a root"),
    ("service_name", "the first service.name of the resource, if it is text; else empty"),
    ("name", "the span's name"),
    ("span_kind", "0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer"),
    ("start_time", "UTC, in nanoseconds"),
    ("end_time", "UTC, in nanoseconds"),
    ("duration_ns", "end less start, as the studio stored it"),
    ("status_code", "0 unset, 1 ok, 2 error"),
    ("status_message", "null where it was empty"),
    ("attributes", "JSON object; attributes ->> 'key' or attr(attributes, 'key') reads one"),
    (
        "events",
        "JSON array of {name, timeUnixNano, attributes}; unnest(json_get_array(events)) gives a row each",
    ),
    ("links", "JSON array; null where the file is of schema 1, which lacks it"),
    ("trace_flags", "OTLP flags: 256 says that bit 512, remote parent, is known; null in schema 1"),
    ("trace_state", "W3C trace state; null where it was empty, and in schema 1"),
    ("dropped_attributes_count", "attributes that the sender dropped; null in schema 1"),
    ("dropped_events_count", "events that the sender dropped; null in schema 1"),
    ("dropped_links_count", "links that the sender dropped; null in schema 1"),
    ("resource_attributes", "JSON object of the resource, keeping the last of repeated keys"),
    ("resource_dropped_attributes_count", "resource attributes that the sender dropped; null in schema 1"),
];

const FILE: &[ColumnDoc] = &[
    ("tier", "cold, wal or hot"),
    ("file", "relative to the spans folder"),
    ("size", "bytes"),
    (
        "health",
        "ok, empty, not read, unreadable, torn (a segment), temporary or foreign; swept_files has gone, too",
    ),
    ("problem", "what is wrong with it, where something is"),
    ("rows", "rows that it claims to hold; of a torn segment those before the damage"),
    ("schema_version", "1 (studio 0.80 to 0.81.1) or 2 (0.82); null where it is neither"),
    ("named_at", "when the studio made it, by its name"),
    ("modified_at", "when it was last written, by the file system"),
];

const PLANNED: &[ColumnDoc] = &[
    ("run", "the run's id"),
    ("workflow", "the workflow's number in the run, over all services"),
    ("span", "the span's position in its workflow"),
];

const EXPORT: &[ColumnDoc] = &[
    ("outcome", "of its export: acked, rejected, indeterminate, partial or not_started"),
    ("acked_at", "when its export ended, by the generator's clock"),
];

/// All tables, in the order in which they are listed.
pub(crate) const TABLES: &[TableDoc] = &[
    TableDoc {
        name: "spans",
        about: "one row per span as the studio shows it: cold before WAL by trace and span id, copies removed",
        source: Source::Store,
        columns: &[SPAN, ADDRESS],
    },
    TableDoc {
        name: "stored_spans",
        about: "every row of every tier, the hot snapshot's copies included",
        source: Source::Store,
        columns: &[SPAN, ADDRESS],
    },
    TableDoc {
        name: "traces",
        about: "one row per trace of spans",
        source: Source::Store,
        columns: &[&[
            ("trace_id", "lower-case hex"),
            ("root_name", "name of the span without a parent; null where there is none"),
            ("root_service", "its service"),
            ("spans", "how many spans it has"),
            ("services", "how many services they are of"),
            ("errors", "spans with status 2"),
            ("started_at", "the earliest start"),
            ("ended_at", "the latest end"),
            ("duration_ns", "from the one to the other"),
            ("files", "files that its spans lie in"),
        ]],
    },
    TableDoc {
        name: "services",
        about: "one row per service_name of spans",
        source: Source::Store,
        columns: &[&[
            ("service_name", "as stored"),
            ("spans", "how many spans it has"),
            ("traces", "how many traces they are of"),
            ("errors", "spans with status 2"),
            ("first_start", "the earliest start"),
            ("last_start", "the latest start"),
            ("files", "files that its spans lie in"),
        ]],
    },
    TableDoc {
        name: "files",
        about: "one row per file of the store, by its footer or frames; damage inside a page shows in swept_files",
        source: Source::Store,
        columns: &[
            FILE,
            &[
                ("row_groups", "of a Parquet file"),
                ("first_start", "earliest start_time, by the file's own statistics"),
                ("last_start", "latest start_time, by the file's own statistics"),
            ],
        ],
    },
    TableDoc {
        name: "row_groups",
        about: "one row per row group of a readable Parquet file, by its footer",
        source: Source::Store,
        columns: &[&[
            ("tier", "cold or hot"),
            ("file", "relative to the spans folder"),
            ("row_group", "its place in the file, from 0"),
            ("first_row", "the row_number of its first row"),
            ("rows", "how many rows it has"),
            ("stored_bytes", "as compressed"),
            ("plain_bytes", "before compression"),
            ("first_start", "earliest start_time, by its statistics"),
            ("last_start", "latest start_time, by its statistics"),
        ]],
    },
    TableDoc {
        name: "segments",
        about: "one row per WAL segment, as read to its end",
        source: Source::Store,
        columns: &[&[
            ("file", "relative to the spans folder"),
            ("size", "bytes"),
            ("rows", "rows that decode"),
            ("batches", "messages with rows"),
            ("ended", "whether its end-of-stream marker was seen"),
            ("torn_at", "the byte from which on it does not decode"),
            ("problem", "why it does not"),
            ("schema_version", "1 or 2; null where it is neither"),
            ("named_at", "when the studio made it, by its name"),
            ("first_start", "earliest start_time in it"),
            ("last_start", "latest start_time in it"),
        ]],
    },
    TableDoc {
        name: "runs",
        about: "one row per run in the folder of runs",
        source: Source::Runs,
        columns: &[&[
            ("run", "the run's id"),
            ("created_at", "when it was begun"),
            ("profile", "the shapes of its traffic"),
            ("services", "how many services it plans"),
            ("workflows", "how many workflows it plans"),
            ("spans", "how many spans it plans"),
            ("finished", "whether it ended by itself"),
            ("asked_for", "whether --run names it; an audit also judges others that it meets"),
            ("endpoint", "where it was sent"),
        ]],
    },
    TableDoc {
        name: "expected_spans",
        about: "one row per planned span of the runs that an audit would judge, with the row that 0.82 should store",
        source: Source::Runs,
        columns: &[PLANNED, EXPORT, SPAN],
    },
    TableDoc {
        name: "findings",
        about: "one row per finding that the last audit of a run kept as a sample",
        source: Source::Audit,
        columns: &[&[
            ("run", "the run that the audit was saved with"),
            ("finding", "its id: the check and twelve hex digits"),
            ("check_name", "the check that found it"),
            ("severity", "error, warn or info"),
            ("verdict", "of the check: fail, warn, info or inconclusive"),
            ("tier", "where the row lies, where the finding is about one"),
            ("file", "its file, relative to the spans folder"),
            ("row_number", "its place in the file, from 0"),
            ("service_name", "the service, where the finding names one"),
            ("trace_id", "the trace, where the finding names one"),
            ("span_id", "the span, where the finding names one"),
            ("expected", "what should be there, where the check compares"),
            ("actual", "what is there"),
            ("details", "JSON object of all that the check said"),
        ]],
    },
    TableDoc {
        name: "delivery",
        about: "one row per planned span of a judged run: its export's outcome, and how often it was found where",
        source: Source::Sweep,
        columns: &[
            PLANNED,
            EXPORT,
            IDS,
            &[
                ("service_name", "the service that the plan lets send it"),
                ("behind_barrier", "whether an absence means a loss"),
                ("maybe_unread", "whether a file that could not be read may hold it"),
                ("n_cold", "copies in cold files, counted up to 3"),
                ("n_wal", "copies in segments, counted up to 3"),
                ("n_found", "both together"),
                ("altered", "whether a copy is not as planned"),
                ("unread_file", "the file that may hold it"),
                ("parent_span_id", "its parent by the plan; null for a root"),
                ("parent_lost", "whether its parent was acked and is lost"),
            ],
        ],
    },
    TableDoc {
        name: "differences",
        about: "one row per stored value that is not what the plan calls for",
        source: Source::Sweep,
        columns: &[
            ADDRESS,
            PLANNED,
            IDS,
            &[
                ("sent_by", "the service that the plan lets send the span"),
                ("column_name", "the column that differs"),
                ("key", "the key, where the column is a JSON object"),
                (
                    "kind",
                    "witness (who sent it), content, or declared (a loss that the store's form explains)",
                ),
                ("expected", "what the plan calls for, cut after 240 characters"),
                ("actual", "what is stored, cut after 240 characters"),
            ],
        ],
    },
    TableDoc {
        name: "facts",
        about: "one row per stored row that no known plan calls for",
        source: Source::Sweep,
        columns: &[
            ADDRESS,
            IDS,
            &[
                ("parent_span_id", "the parent's span id; null for a root"),
                ("service_name", "as stored"),
                ("resource_service", "service.name of its resource, if it is text"),
                ("tagged_service", "its attribute e2e.service"),
                ("instance_id", "service.instance.id of its resource"),
                ("run", "the run that its trace id names, if it is one of ours"),
                ("start_time", "UTC, in nanoseconds"),
                ("end_time", "UTC, in nanoseconds"),
                ("duration_ns", "as stored"),
                ("interval_ns", "what the duration should be: end less start"),
                ("in_future", "whether a time lies more than a day ahead of the sweep"),
                ("settled", "whether it ended longer ago than the WAL timer needs"),
                ("event_outside", "whether an event lies outside of the span"),
                ("parent_is_remote", "flag 512; null where the file lacks flags"),
                ("malformed_ids", "the ids that are no ids, by name"),
                ("null_columns", "the columns that are never null and are null here, by name"),
                ("invalid_json", "the columns that are not JSON of their kind, by name"),
                ("doubled_keys", "the columns with a key that is there twice, by name"),
                ("noncanonical", "the columns that no studio writes so, by name"),
                ("copies", "stored rows of the same span"),
                ("wal_copies", "those of them that lie in segments"),
                ("is_first_copy", "whether it is the first of them"),
                ("is_last_copy", "whether it is the last of them"),
                ("copies_differ", "whether they are not all equal"),
                ("first_tier", "where the first of them lies"),
                ("first_file", "its file"),
                ("first_row_number", "its place in the file"),
                ("has_parent", "whether it names a parent"),
                ("parent_here", "whether its parent is a row of its trace"),
                ("parent_trace_id", "the other trace that its parent lies in"),
                ("parent_file", "the parent's file"),
                ("parent_row_number", "the parent's place in the file"),
                ("parent_service", "the parent's service_name"),
                ("parent_resource_service", "service.name of the parent's resource"),
                ("parent_start_time", "the parent's start"),
                ("parent_end_time", "the parent's end"),
                ("within_parent_execution", "whether it is of the execution that its parent runs"),
                ("in_cycle", "whether it is its own ancestor"),
                ("trace_spans", "different spans of its trace"),
                ("trace_roots", "spans of its trace without a parent"),
                ("trace_services", "different services of its trace"),
                ("trace_settled", "whether all of its trace is settled"),
                ("trace_an_hour_old", "whether all of its trace ended more than an hour ago"),
                ("trace_has_local_orphan", "whether its trace lacks a parent that is said to be local"),
            ],
        ],
    },
    TableDoc {
        name: "sightings",
        about: "one row per copy of a planned span that was found more than once",
        source: Source::Sweep,
        columns: &[
            ADDRESS,
            IDS,
            &[
                ("run", "the run's id"),
                ("attempts", "how often its export was sent; null where the run is not judged"),
                ("refusals", "how many of the attempts were refused"),
                ("differing", "a digest of what of the copy is not as planned; null where all is"),
            ],
        ],
    },
    TableDoc {
        name: "copies",
        about: "one row per span that is stored more than once, planned or not, with its last copy",
        source: Source::Sweep,
        columns: &[
            ADDRESS,
            IDS,
            &[
                ("copies", "how many rows it has"),
                ("wal_copies", "how many of them lie in segments"),
                (
                    "files",
                    "files that they lie in; 2 stands for any number of them where no plan calls for it",
                ),
                ("copies_differ", "whether the copies are not all equal"),
                ("sent", "how often it was sent without being refused"),
                ("first_file", "the file of its first copy"),
                ("first_row_number", "the row of its first copy"),
            ],
        ],
    },
    TableDoc {
        name: "exports",
        about: "one row per export of a judged run, with what was found of it",
        source: Source::Sweep,
        columns: &[&[
            ("run", "the run's id"),
            ("service_name", "the service; null where a collector sent for several"),
            ("first_ordinal", "place of its first span in its stream"),
            ("spans", "how many spans it carried"),
            ("started_at", "by the generator's clock"),
            ("ended_at", "null where no answer came"),
            ("outcome", "acked, rejected, indeterminate or partial"),
            ("code", "the gRPC status, where it was not OK"),
            ("rejected_spans", "of a partial success"),
            ("attempts", "how often it was sent"),
            ("refusals", "how many of the attempts were refused"),
            ("n_found", "how many of its spans were found"),
            ("behind_barrier", "whether an absence means a loss"),
            ("maybe_unread", "whether a file that could not be read may hold some"),
        ]],
    },
    TableDoc {
        name: "calls",
        about: "one row per flush or snapshot call of a judged run",
        source: Source::Sweep,
        columns: &[&[
            ("run", "the run's id"),
            ("rpc", "FlushWAL or PrepareHotSnapshot"),
            ("began", "by the generator's clock"),
            ("ended", "by the generator's clock"),
            ("success", "what the studio said"),
            ("error", "why not"),
        ]],
    },
    TableDoc {
        name: "swept_files",
        about: "one row per file as a sweep of all its pages found it: the table files of the checks",
        source: Source::Sweep,
        columns: &[
            FILE,
            &[
                ("age_seconds", "how long before the sweep it was last written"),
                ("settled", "whether that is longer than the WAL timer needs"),
                ("decodes", "whether all that was looked at of it decodes"),
                ("expected_place", "where a studio puts a cold file of this name, below the cold folder"),
                ("flushed_rows", "of the snapshot: rows that cold files hold"),
                ("lacking_rows", "of the snapshot: rows of the WAL that it lacks"),
            ],
        ],
    },
    TableDoc {
        name: "trace_facts",
        about: "one row per trace with rows that no known plan calls for",
        source: Source::Sweep,
        columns: &[
            ADDRESS,
            &[
                ("trace_id", "lower-case hex; the address is that of its first row"),
                ("service_name", "of its first row"),
                ("rows", "stored rows, copies included"),
                ("spans", "different spans"),
                ("roots", "spans without a parent"),
                ("services", "different services"),
                ("absent_local_parents", "parents that no row is, of spans that say their parent is local"),
                ("absent_remote_parents", "the same, of spans that say it is remote"),
                ("absent_unknown_parents", "the same, of spans whose file lacks the flag"),
                ("parents_elsewhere", "rows whose parent lies in another trace"),
                ("has_cycle", "whether spans are their own ancestors"),
                ("start_time", "the earliest start"),
                ("end_time", "the latest end"),
                ("an_hour_old", "whether that is more than an hour before the sweep"),
            ],
        ],
    },
    TableDoc {
        name: "strays",
        about: "one row per stored row that claims to be of a known run without a place in its plan",
        source: Source::Sweep,
        columns: &[
            ADDRESS,
            IDS,
            &[("run", "the run that its trace id or its tag names"), ("service_name", "as stored")],
        ],
    },
    TableDoc {
        name: "resources",
        about: "one row per service and instance that stored rows name",
        source: Source::Sweep,
        columns: &[&[
            ("service_name", "as stored"),
            ("resource_service", "service.name of the resource, if it is text"),
            ("instance_id", "service.instance.id of the resource"),
            ("rows", "how many rows name them together"),
            ("tier", "where the first of these rows lies"),
            ("file", "its file, relative to the spans folder"),
            ("row_number", "its place in the file, from 0"),
        ]],
    },
    TableDoc {
        name: "losses",
        about: "one row per kind of loss that the store's form explains",
        source: Source::Sweep,
        columns: &[&[
            ("loss", "what the store cannot hold"),
            ("spans", "stored spans that were sent with it"),
        ]],
    },
    TableDoc {
        name: "snapshot_rows",
        about: "one row per row of the hot snapshot that is no copy of a row of another tier",
        source: Source::Sweep,
        columns: &[
            ADDRESS,
            IDS,
            &[(
                "cause",
                "changed_in_wal, changed_in_cold (the span is there with other content), extra_copy or nowhere",
            )],
        ],
    },
    TableDoc {
        name: "footer_statistics",
        about: "one row per statistic of a Parquet footer that its values do not come to",
        source: Source::Sweep,
        columns: &[&[
            ("tier", "cold or hot"),
            ("file", "relative to the spans folder"),
            ("row_group", "its place in the file, from 0"),
            ("column_name", "the column"),
            ("statistic", "min, max or null_count"),
            ("expected", "what the values come to; null where all are null"),
            ("actual", "what the footer states"),
        ]],
    },
];
