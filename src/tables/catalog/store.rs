//! Tables of what the files of a store hold.

use std::future::ready;

use super::{ADDRESS, Column, Needs, SPAN, Table, flag, number, text, time};
use crate::tables::{by_depth::by_depth, files, views};

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "spans",
        about: "one row per span as the studio shows it: cold before WAL by trace and span id, copies removed",
        needs: Needs::Listing,
        columns: &[SPAN, ADDRESS],
        make: |sources| Box::pin(sources.spans()),
    },
    Table {
        name: "stored_spans",
        about: "every row of every tier, the hot snapshot's copies included",
        needs: Needs::Listing,
        columns: &[SPAN, ADDRESS],
        make: |sources| Box::pin(ready(Ok(sources.stored_spans()))),
    },
    Table {
        name: "traces",
        about: "one row per trace of spans",
        needs: Needs::Listing,
        columns: &[&[
            text("trace_id", "lower-case hex"),
            text("root_name", "name of the root span; null if there is none"),
            text("root_service", "service of the root span"),
            number("spans", "number of spans"),
            number("services", "number of services"),
            number("errors", "spans with status 2"),
            time("started_at", "earliest start"),
            time("ended_at", "latest end"),
            number("duration_ns", "from the earliest start to the latest end"),
            number("files", "number of files that hold its spans"),
        ]],
        make: |sources| Box::pin(views::traces(sources)),
    },
    Table {
        name: "services",
        about: "one row per service_name of spans",
        needs: Needs::Listing,
        columns: &[&[
            text("service_name", "as stored"),
            number("spans", "number of spans"),
            number("traces", "number of traces"),
            number("errors", "spans with status 2"),
            time("first_start", "earliest start"),
            time("last_start", "latest start"),
            number("files", "number of files that hold its spans"),
        ]],
        make: |sources| Box::pin(views::services(sources)),
    },
    Table {
        name: "files",
        about: "one row per file of the store",
        needs: Needs::Listing,
        columns: &[FILE],
        make: |sources| Box::pin(ready(by_depth(sources, "files", files::rows))),
    },
    Table {
        name: "row_groups",
        about: "one row per row group of a readable Parquet file, from its footer",
        needs: Needs::Listing,
        columns: &[&[
            text("tier", "cold or hot"),
            text("file", "relative to the spans folder"),
            number("row_group", "position in the file, from 0"),
            number("first_row", "row_number of its first row"),
            number("rows", "number of rows"),
            number("stored_bytes", "compressed size"),
            number("plain_bytes", "size before compression"),
            time("first_start", "earliest start_time, from its statistics"),
            time("last_start", "latest start_time, from its statistics"),
        ]],
        make: |sources| Box::pin(ready(sources.listed("row_groups", files::row_groups))),
    },
    Table {
        name: "segments",
        about: "one row per WAL segment, as read to its end",
        needs: Needs::Listing,
        columns: &[&[
            text("file", "relative to the spans folder"),
            number("size", "bytes"),
            number("rows", "rows that decode"),
            number("batches", "messages with rows"),
            flag("ended", "whether it has its end-of-stream marker"),
            number("torn_at", "offset of the first byte that does not decode"),
            text("problem", "why it does not decode"),
            number("schema_version", "1 or 2; null if it is neither"),
            time("named_at", "creation time, from its name"),
            time("first_start", "earliest start_time"),
            time("last_start", "latest start_time"),
        ]],
        make: |sources| Box::pin(ready(sources.listed("segments", files::segments))),
    },
];

const FILE: &[Column] = &[
    text("tier", "cold, wal or hot"),
    text("file", "relative to the spans folder"),
    number("size", "bytes"),
    time("named_at", "creation time, from its name"),
    time("modified_at", "modification time, from the file system"),
    text("expected_place", "where below the cold folder the studio puts a file of this name"),
    flag("misplaced", "whether a cold file is anywhere else"),
    number("row_groups", "row groups of a Parquet file"),
    time("first_start", "earliest start_time, from the file's own statistics"),
    time("last_start", "latest start_time, from the file's own statistics"),
    text(
        "health",
        "ok, empty, unreadable, torn (segment), temporary, foreign, flushed (during the sweep) or not read",
    )
    .swept(),
    text("problem", "what is wrong with it").swept(),
    number("rows", "rows that were read").swept(),
    number("schema_version", "1 (studio 0.80 to 0.81.1) or 2 (0.82); null if it is neither").swept(),
    flag("decodes", "whether everything that was looked at decodes").swept(),
    number("age_seconds", "seconds from its last modification to the sweep").swept(),
    flag("settled", "whether its last modification is longer ago than the settle time").swept(),
    number("flushed_rows", "rows of the snapshot that cold files hold").swept(),
    number("lacking_rows", "rows of the WAL that the snapshot lacks").swept(),
];
