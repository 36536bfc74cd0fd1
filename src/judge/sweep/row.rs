//! One row: whose it claims to be, and what is noted of it.

use std::{io, sync::Arc};

use datafusion::arrow::array::RecordBatch;

use super::{
    Sweep,
    file::{RowDigest, RowNotes},
};
use crate::{
    contract::{
        digest::{DigestVersion, Digester},
        json_form::Form,
        row::Cell,
        schema::{Schema, column},
    },
    judge::{
        claim::{Assigned, Claim, Slot},
        compare::Comparer,
        contested::{Candidate, ContestedRow},
        differing::{DifferingRow, Values},
        evidence::{Address, StoredDifference},
        expectation::{Derived, Expectation},
        fact::{Fact, Id, Marks, Observed, Observer, Spot},
        hidden_rows::{Hidden, HiddenRow, has_unnamed_event, missed_by},
        interner::Symbol,
        junjo::{
            Attributes,
            record::{self, RowText},
            records,
        },
        malformed_ids::IdForm,
        partial::part::Kept,
        unplannable::Stray,
    },
    store::{
        columns::ColumnFaults,
        inventory::FoundFile,
        layout::Tier,
        rows::{Rows, StoredCells},
    },
    traffic::{ids::RunId, plan::SpanPlace},
};

/// Judges rows of one file, batch by batch.
pub(super) struct RowJudge<'s> {
    sweep: &'s Sweep,
    comparer: Comparer<'s>,
    observer: Observer<'s>,
    /// Of rows as they are written.
    digester: Digester,
    /// Of rows by what their JSON says.
    canonical: Digester,
    /// The last one of a row with telemetry of Junjo's.
    record: Vec<u8>,
    file: Arc<str>,
    name: Symbol,
    tier: Tier,
    present: Vec<String>,
    schema: Schema,
    /// Whether it has all columns of its era, so that its rows can be compared with others.
    is_complete: bool,
}

impl<'s> RowJudge<'s> {
    pub(super) fn new(file: &FoundFile, sweep: &'s Sweep, present: &[String]) -> Self {
        let schema = Schema::of_columns(present);
        let is_complete = ColumnFaults::of(present, &[]).is_none();
        let collected = &sweep.collected;
        Self {
            sweep,
            comparer: Comparer::new(),
            observer: Observer::new(&collected.names, &collected.odd, schema),
            digester: Digester::default(),
            canonical: Digester::new(DigestVersion::V2),
            record: Vec::new(),
            file: file.shown.as_str().into(),
            name: collected.names.name(&file.shown),
            tier: file.tier,
            present: present.to_vec(),
            schema,
            is_complete,
        }
    }

    pub(super) fn tier(&self) -> Tier {
        self.tier
    }

    /// Judges the rows of a batch; `first_row` is the number of its first in the file. Fails where what they say cannot
    /// be kept.
    pub(super) fn judge(
        &mut self,
        batch: &RecordBatch,
        first_row: u64,
        one: &mut RowNotes,
    ) -> io::Result<()> {
        let rows = Rows::new(batch, &self.present);
        for (row, row_number) in (0..rows.count()).zip(first_row..) {
            let cells = rows.cells(row);
            match self.tier {
                Tier::Wal | Tier::Hot => one.digests.push(self.digest(&cells)),
                Tier::Cold if self.is_complete => self.note_flushed(&cells),
                Tier::Cold => {}
            }
            let id = |column: usize| cells[column].and_then(Cell::text).unwrap_or_default();
            let (trace_id, span_id) = (id(column::TRACE_ID), id(column::SPAN_ID));
            let runs = &self.sweep.runs;
            let claim = runs.claim(trace_id, span_id);
            let planned = match claim {
                Claim::Planned { run, slot, .. } => Some(Slot { run, slot }),
                Claim::Unclaimed { .. } => None,
            };
            let recorded = if planned.is_none() || runs.may_share_ids() {
                runs.recorded(trace_id, span_id)
            } else {
                Vec::new()
            };
            if let Some(kept) = &mut one.kept {
                // Which of several spans it counts for depends on the rows of other files.
                kept.depends_on_others |= recorded.len() > 1 || !recorded.is_empty() && planned.is_some();
            }
            if let Some(assigned) = self.recorded(&recorded, planned, &cells) {
                if let Some(kept) = &mut one.kept {
                    kept.is_recorded = true;
                    match &assigned {
                        Assigned::Counted { span, as_sent } => {
                            kept.count(span.run, span.slot, !as_sent);
                        }
                        Assigned::Contested(_) => kept.depends_on_others = true,
                    }
                }
                self.note_missed(&cells, row_number, one);
                self.judge_recorded(assigned, &cells, row_number, one);
                continue;
            }
            match claim {
                Claim::Planned { run, slot, place } => {
                    self.planned(run, slot, place, &cells, row_number, one);
                }
                Claim::Unclaimed { run } => self.unclaimed(run, &cells, row_number, one)?,
            }
        }
        Ok(())
    }

    /// Notes a row that a list of the studio's misses.
    fn note_missed(&self, cells: &StoredCells<'_>, row_number: u64, one: &mut RowNotes) {
        if let Some(by) = cells[column::ATTRIBUTES].and_then(Cell::text).and_then(missed_by) {
            self.note_hidden(by, cells, row_number, one);
        }
    }

    fn note_hidden(&self, by: Hidden, cells: &StoredCells<'_>, row_number: u64, one: &mut RowNotes) {
        let text = |column: usize| cells[column].and_then(Cell::text);
        if self.tier != Tier::Hot {
            one.output.hidden_rows.push(HiddenRow {
                address: self.address(row_number),
                service_name: text(column::SERVICE_NAME).map(str::to_owned),
                trace_id: text(column::TRACE_ID).map(str::to_owned),
                span_id: text(column::SPAN_ID).map(str::to_owned),
                by,
            });
        }
    }

    /// The recorded span that a row counts for.
    fn recorded(
        &mut self,
        spans: &[Slot],
        planned: Option<Slot>,
        cells: &StoredCells<'_>,
    ) -> Option<Assigned> {
        if spans.is_empty() {
            return None;
        }
        let Self { sweep, schema, digester, canonical, tier, .. } = self;
        let (mut text, mut meaning) = (None, None);
        sweep.runs.count_recorded(spans, planned, sweep.evidence(*tier), |recorded, slot| {
            let digest = match recorded.spans.digests() {
                DigestVersion::V1 => *text.get_or_insert_with(|| digester.stored(cells, *schema)),
                DigestVersion::V2 => *meaning.get_or_insert_with(|| canonical.stored(cells, *schema)),
            };
            recorded.is_as_sent(slot, digest, *schema)
        })
    }

    /// In what it differs is found out when the source is read again.
    fn judge_recorded(
        &mut self,
        assigned: Assigned,
        cells: &StoredCells<'_>,
        row_number: u64,
        one: &mut RowNotes,
    ) {
        let in_scope = |span: Slot, as_sent: bool| {
            let sent_by = self.sweep.runs.runs[span.run].expectation.service_name(span.slot);
            // The time of a row that is not as it was sent tells nothing.
            let in_time = || !as_sent || self.sweep.scope.has_time(start(cells));
            self.has_service(sent_by, cells) && in_time()
        };
        let row = |Slot { run, slot }: Slot| {
            let (address, schema, values) = (self.address(row_number), self.schema, Values::of(cells));
            DifferingRow { run, slot, address, schema, values }
        };
        match assigned {
            Assigned::Counted { span, as_sent } if !in_scope(span, as_sent) => {
                one.output.rows.out_of_scope += 1;
            }
            Assigned::Counted { span, as_sent } => {
                if self.tier != Tier::Cold {
                    one.claimed.push((span.run, span.slot));
                }
                if as_sent {
                    one.output.rows.as_planned += 1;
                    return;
                }
                one.output.rows.differing += 1;
                one.output.differing.push(row(span));
            }
            Assigned::Contested(spans) => {
                let row = row(spans[0]);
                let candidate = |span: Slot| Candidate { span, in_scope: in_scope(span, false) };
                let candidates = spans.into_iter().map(candidate).collect();
                one.output.contested.push(ContestedRow { candidates, row });
            }
        }
    }

    fn digest(&mut self, cells: &StoredCells<'_>) -> RowDigest {
        let text = |column: usize| cells[column].and_then(Cell::text);
        let odd = &self.sweep.collected.odd;
        let id = (odd.trace(text(column::TRACE_ID)).0, odd.span(text(column::SPAN_ID)).0);
        RowDigest { id, content: self.digester.in_process(cells, self.schema) }
    }

    /// Notes a cold row that the snapshot has, too.
    fn note_flushed(&mut self, cells: &StoredCells<'_>) {
        let text = |column: usize| cells[column].and_then(Cell::text);
        let odd = &self.sweep.collected.odd;
        let flushed = &self.sweep.flushed;
        let span = || odd.span(text(column::SPAN_ID)).0;
        if flushed.may_want(span) && flushed.wants((odd.trace(text(column::TRACE_ID)).0, span())) {
            flushed.found(self.digest(cells));
        }
    }

    fn address(&self, row_number: u64) -> Address {
        Address { tier: self.tier, file: Arc::clone(&self.file), row_number }
    }

    fn planned(
        &mut self,
        run: usize,
        slot: u64,
        place: SpanPlace,
        cells: &StoredCells<'_>,
        row_number: u64,
        one: &mut RowNotes,
    ) {
        let known = &self.sweep.runs.runs[run];
        let Expectation::Derived(derived) = &*known.expectation else { return };
        if !self.is_planned_in_scope(run, derived, place, cells) {
            self.note_missed(cells, row_number, one);
            one.output.rows.out_of_scope += 1;
            self.count(run, slot, false, one);
            return;
        }
        let losses = &mut one.output.losses;
        let (differences, is_exact) =
            self.comparer.differences(run, derived, place, self.schema, cells, losses);
        // The plan's own text is as the studio writes it.
        if !is_exact {
            self.note_missed(cells, row_number, one);
        }
        self.count(run, slot, !differences.is_empty(), one);
        if self.tier != Tier::Cold {
            one.claimed.push((run, slot));
        }
        if differences.is_empty() {
            one.output.rows.as_planned += 1;
            return;
        }
        one.output.rows.differing += 1;
        let address = self.address(row_number);
        let stored =
            differences.into_iter().map(|found| StoredDifference::new(known, slot, &address, Some(found)));
        one.output.differences.extend(stored);
    }

    fn count(&self, run: usize, slot: u64, altered: bool, one: &mut RowNotes) {
        if let Some(evidence) = self.sweep.evidence(self.tier) {
            self.sweep.runs.runs[run].tally().count(slot, evidence, altered);
        }
        if let Some(kept) = &mut one.kept {
            kept.count(run, slot, altered);
        }
    }

    /// Whether the scope has the service that sent a row, or one that the row names anywhere.
    fn has_service(&self, sent_by: Option<&str>, cells: &StoredCells<'_>) -> bool {
        let scope = &self.sweep.scope;
        if scope.services.is_empty() {
            return true;
        }
        let text = |column: usize| cells[column].and_then(Cell::text);
        let said = |column: usize| text(column).map(Attributes::of_general).unwrap_or_default();
        let (attributes, resource) = (said(column::ATTRIBUTES), said(column::RESOURCE_ATTRIBUTES));
        let services = [
            sent_by,
            text(column::SERVICE_NAME),
            attributes.service.as_deref(),
            resource.service_name.as_deref(),
        ];
        scope.has_service(&services)
    }

    /// By its plan or by anything that the row says: damage must not move a row out of sight.
    fn is_planned_in_scope(
        &mut self,
        run: usize,
        derived: &'s Derived,
        place: SpanPlace,
        cells: &StoredCells<'_>,
    ) -> bool {
        let scope = &self.sweep.scope;
        let sent_by = derived.plan.outline.services[place.service].as_str();
        scope.is_all()
            || self.has_service(Some(sent_by), cells)
                && (scope.has_time(start(cells))
                    || scope.has_time(Some(self.comparer.planned_start(run, derived, place, self.schema))))
    }

    fn is_in_scope(&self, fact: &Fact, cells: &StoredCells<'_>) -> bool {
        let Sweep { scope, collected, .. } = self.sweep;
        // Names are looked up only where they decide.
        if scope.is_all() {
            return true;
        }
        let services = [fact.service, fact.resource_service, fact.tagged_service];
        let services = services.map(|name| collected.names.text(name));
        scope.has(&services.each_ref().map(Option::as_deref), start(cells))
    }

    fn unclaimed(
        &mut self,
        named: Option<RunId>,
        cells: &StoredCells<'_>,
        row_number: u64,
        one: &mut RowNotes,
    ) -> io::Result<()> {
        let spot = Spot { file: self.name, row_number: row_number as u32, in_wal: self.tier == Tier::Wal };
        let Observed { fact, tagged_run, judged, resource } = self.observer.observe(spot, cells, named);
        // In the studio's own form no key is missed.
        if fact.marks.json_form(0) != Form::Canonical {
            self.note_missed(cells, row_number, one);
        }
        let text = |column: usize| cells[column].and_then(Cell::text);
        if !self.is_in_scope(&fact, cells) {
            one.output.rows.out_of_scope += 1;
            return Ok(());
        }
        let claimed = named.into_iter().chain(tagged_run).find(|run| self.sweep.runs.knows(*run));
        let Some(run) = claimed else {
            one.output.rows.by_structure += 1;
            if text(column::EVENTS).is_some_and(has_unnamed_event) {
                self.note_hidden(Hidden::UnnamedEvent, cells, row_number, one);
            }
            one.output.facts.push(fact);
            if let Some(kept) = &mut one.kept {
                keep_ids(&fact, cells, kept);
                kept.named_runs.extend(named.into_iter().chain(tagged_run));
            }
            // The snapshot is a copy.
            if let Some(records) = &self.sweep.collected.records
                && fact.marks.has(Marks::JUNJO)
                && self.tier != Tier::Hot
            {
                let number = |column: usize| cells[column].and_then(Cell::number).unwrap_or_default();
                let row = RowText {
                    name: text(column::NAME).unwrap_or_default(),
                    attributes: judged.as_deref(),
                    events: text(column::EVENTS),
                    // A resource of another service is judged as such.
                    resource: if fact.resource_service == fact.service { resource } else { 0 },
                    status: number(column::STATUS_CODE),
                    dropped_attributes: number(column::DROPPED_ATTRIBUTES_COUNT) as u32,
                    dropped_events: number(column::DROPPED_EVENTS_COUNT) as u32,
                };
                self.record.clear();
                record::encode(&fact, &row, &mut self.record);
                if let Some(kept) = &mut one.kept {
                    records::push(&mut kept.records, |out| out.extend_from_slice(&self.record));
                }
                if self.sweep.task.is_none() {
                    records.add(&self.record)?;
                }
            }
            return Ok(());
        };
        if self.sweep.task.is_none() {
            self.sweep.runs.meet(run);
        }
        one.output.rows.strays += 1;
        one.output.strays.push(Stray {
            address: self.address(row_number),
            run: run.to_string(),
            service_name: text(column::SERVICE_NAME).map(str::to_owned),
            trace_id: text(column::TRACE_ID).map(str::to_owned),
            span_id: text(column::SPAN_ID).map(str::to_owned),
        });
        Ok(())
    }
}

/// The texts of ids that are no numbers.
fn keep_ids(fact: &Fact, cells: &StoredCells<'_>, kept: &mut Kept) {
    let ids =
        [(Id::Trace, column::TRACE_ID), (Id::Span, column::SPAN_ID), (Id::Parent, column::PARENT_SPAN_ID)];
    let malformed = ids.into_iter().filter(|(id, _)| fact.marks.id_form(*id) == IdForm::Odd);
    let texts = malformed.filter_map(|(_, column)| cells[column].and_then(Cell::text));
    kept.malformed.extend(texts.map(str::to_owned));
}

fn start(cells: &StoredCells<'_>) -> Option<i64> {
    cells[column::START_TIME].and_then(Cell::number)
}
