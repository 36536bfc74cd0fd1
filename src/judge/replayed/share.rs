//! One look at the files of a store, for a part of what a replay sent.

use std::{collections::HashMap, io, sync::Arc};

use datafusion::{arrow::array::RecordBatch, execution::TaskContext};
use futures::StreamExt;

use super::{Altered, Findings, KEPT_BYTES, Seen, values};
use crate::{
    contract::{
        digest::Digester,
        row::Cell,
        schema::{COLUMN_COUNT, Schema, column, column_name},
    },
    judge::evidence::{Address, Sighting},
    ledger::expected::{Expectation, IdKey},
    store::{
        footer,
        inventory::{self, FoundFile, Kind},
        layout::{Layout, Tier},
        rows::Rows,
        scan,
        segment::read_segment,
    },
    traffic::ids::RunId,
};

/// Some of the expectations, and what a look at the store found of them.
pub(super) struct Share<'a> {
    run: RunId,
    expected: &'a [Expectation],
    /// By ids: the ordinals that were sent with them; more than one where a source has a span twice.
    ordinals: HashMap<IdKey, Vec<u32>>,
    /// By place in `members`.
    pub(super) seen: Vec<Seen>,
    /// Ordinals of this share, in order.
    pub(super) members: Vec<u64>,
    pub(super) rows: u64,
    pub(super) as_sent: u64,
    pub(super) altered: Findings<Altered>,
    pub(super) unread: Vec<(String, String)>,
    /// Copies of spans that have several, by their place in `members`.
    pub(super) copies: Vec<(u32, Sighting)>,
    /// Whether a segment went away while we looked.
    pub(super) vanished: bool,
    /// What is done with rows.
    aim: Aim,
    /// Bytes of rows that differ and were kept.
    kept_bytes: usize,
    digester: Digester,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    Count,
    /// Rows were counted; those of spans that have several copies are noted.
    NoteCopies,
}

impl<'a> Share<'a> {
    pub(super) fn new(run: RunId, expected: &'a [Expectation], number: u64, of: u64) -> Self {
        let mut ordinals: HashMap<IdKey, Vec<u32>> = HashMap::new();
        let mut members = Vec::new();
        for (ordinal, expectation) in expected.iter().enumerate() {
            if expectation.ids.trace % of == number {
                ordinals.entry(expectation.ids).or_default().push(members.len() as u32);
                members.push(ordinal as u64);
            }
        }
        Self {
            run,
            expected,
            ordinals,
            seen: vec![Seen::default(); members.len()],
            members,
            rows: 0,
            as_sent: 0,
            altered: Findings::default(),
            unread: Vec::new(),
            copies: Vec::new(),
            vanished: false,
            aim: Aim::Count,
            kept_bytes: 0,
            digester: Digester::default(),
        }
    }

    /// Goes through the store once more, for the places of spans that were seen several times.
    pub(super) async fn look_at_copies(&mut self, layout: &Layout, context: &Arc<TaskContext>) {
        self.aim = Aim::NoteCopies;
        let unread = std::mem::take(&mut self.unread);
        self.scan(layout, context).await;
        self.unread = unread;
        self.copies.sort_by_key(|(place, _)| *place);
    }

    /// Segments are read before cold files are listed: a flush in between can show a span twice, but never
    /// hide it.
    pub(super) async fn scan(&mut self, layout: &Layout, context: &Arc<TaskContext>) {
        for tier in [Tier::Wal, Tier::Cold] {
            let found = inventory::list(layout, tier);
            for unlisted in &found.unlisted {
                self.unread.push((unlisted.shown.clone(), unlisted.source.to_string()));
            }
            for file in found.data() {
                match file.kind {
                    Kind::Segment => self.segment(file),
                    _ => self.parquet(file, context).await,
                }
            }
        }
    }

    fn segment(&mut self, file: &FoundFile) {
        match read_segment(&file.path) {
            Ok(segment) => {
                let mut row_number = 0;
                for batch in &segment.batches {
                    self.batch(batch, &segment.columns, file, &mut row_number);
                }
                let cut = (!segment.ended).then(|| "no end-of-stream marker".to_owned());
                if let Some(reason) = segment.torn.map(|torn| torn.to_string()).or(cut) {
                    self.unread.push((file.shown.clone(), reason));
                }
            }
            Err(err) if err.kind() == io::ErrorKind::NotFound => self.vanished = true,
            Err(err) => self.unread.push((file.shown.clone(), err.to_string())),
        }
    }

    async fn parquet(&mut self, file: &FoundFile, context: &Arc<TaskContext>) {
        let footer = match footer::footer(&file.path) {
            Ok(footer) => footer,
            Err(unreadable) => return self.unread.push((file.shown.clone(), unreadable.to_string())),
        };
        let names: Vec<&str> = (0..COLUMN_COUNT).map(column_name).collect();
        let mut scan = match scan::scan_parquet(file, &footer, &names, Arc::clone(context)) {
            Ok(scan) => scan,
            Err(err) => return self.unread.push((file.shown.clone(), scan::reason(&err))),
        };
        let mut row_number = 0;
        while let Some(batch) = scan.stream.next().await {
            match batch {
                Ok(batch) => self.batch(&batch, &footer.columns, file, &mut row_number),
                Err(err) => return self.unread.push((file.shown.clone(), scan::reason(&err))),
            }
        }
    }

    fn batch(&mut self, batch: &RecordBatch, present: &[String], file: &FoundFile, row_number: &mut u64) {
        let rows = Rows::new(batch, present);
        let schema = Schema::of_columns(present);
        let shown: Arc<str> = file.shown.as_str().into();
        for row in 0..batch.num_rows() {
            let cells = rows.cells(row);
            let number = *row_number;
            *row_number += 1;
            // Most rows of a store are none of this replay.
            let address = || Address { tier: file.tier, file: Arc::clone(&shown), row_number: number };
            let id = |column: usize| cells[column].and_then(Cell::text).unwrap_or_default();
            let (trace_id, span_id) = (id(column::TRACE_ID), id(column::SPAN_ID));
            let Some(ids) = IdKey::of_hex(trace_id, span_id) else { continue };
            let Some(places) = self.ordinals.get(&ids) else { continue };
            let digest = self.digester.stored(&cells, schema);
            let expected = |place: &u32| {
                let ordinal = self.members[*place as usize] as usize;
                self.expected[ordinal].digests[usize::from(schema == Schema::V2)] == digest
            };
            // Of a span that was sent twice, each copy counts for one that has none yet.
            let copies = |place: &&u32| {
                let seen = self.seen[**place as usize];
                seen.cold + seen.wal
            };
            let equal = places.iter().filter(|place| expected(place)).min_by_key(copies).copied();
            let place = equal.or_else(|| places.iter().min_by_key(copies).copied());
            let Some(place) = place else { continue };
            if self.aim == Aim::NoteCopies {
                if copies(&&place) > 1 {
                    let sighting = Sighting {
                        address: address(),
                        run: self.run,
                        trace_id: trace_id.to_owned(),
                        span_id: span_id.to_owned(),
                        attempts: None,
                        alteration: equal.is_none().then_some(digest),
                    };
                    self.copies.push((place, sighting));
                }
                continue;
            }
            let seen = &mut self.seen[place as usize];
            match file.tier {
                Tier::Wal => seen.wal += 1,
                Tier::Cold | Tier::Hot => seen.cold += 1,
            }
            self.rows += 1;
            if equal.is_some() {
                self.as_sent += 1;
                continue;
            }
            let has_room = self.kept_bytes < KEPT_BYTES;
            let values = if has_room { values(&cells) } else { Vec::new() };
            self.kept_bytes += values.iter().flatten().map(String::len).sum::<usize>();
            let ordinal = self.members[place as usize];
            self.altered.add(|| Altered {
                ordinal,
                span: ids.span,
                address: address(),
                schema,
                values,
                explained: false,
            });
        }
    }
}
