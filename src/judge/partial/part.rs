//! What a batch of rows of a cold file said, as bytes that outlast this process or go to another.
//!
//! The ids of spans come first and as they are: they are random, and what has to look for some of them reads no more.
//! Behind them all else is compressed: names by number, traces, executions and the shapes of rows once each, parents
//! by their place, times by what they are later than others.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::AddAssign,
};

use super::{
    bytes::{In, Out},
    facts::{Table, facts, put_facts, words},
    faults,
};
use crate::{
    contract::{digest::hash, loss::Losses},
    judge::{
        claim::KnownRuns,
        fact_bytes,
        interner::{Interner, Symbol},
        judgement::RowCounts,
        junjo::{
            record::relabel,
            records::{self, push},
        },
        sweep_output::FileOutput,
    },
    traffic::ids::RunId,
};

/// What is kept of rows beside what the sweep notes of them anyway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Planned or recorded spans that a row counts for and is as it should be, by the place of their run in `KnownRuns`.
    pub(crate) counted: Vec<(usize, u64)>,
    /// Those of which a row is not as it should be.
    pub(crate) altered: Vec<(usize, u64)>,
    /// Records of rows with Junjo telemetry, each behind its length.
    pub(crate) records: Vec<u8>,
    /// Texts of ids that are no numbers.
    pub(crate) malformed: Vec<String>,
    /// Runs that are named by rows of no known run.
    pub(crate) named_runs: BTreeSet<RunId>,
    /// A row counts for a recorded span.
    pub(crate) is_recorded: bool,
    /// Which span a row counts for depends on the rows of other files.
    pub(crate) depends_on_others: bool,
}

impl Kept {
    /// Of a row that counts for a span.
    pub(crate) fn count(&mut self, run: usize, slot: u64, is_altered: bool) {
        if is_altered { &mut self.altered } else { &mut self.counted }.push((run, slot));
    }

    /// Whether there is a row of which nothing kept tells whose it is: it left nothing, or several spans may be it.
    pub(crate) fn is_bound(&self, output: &FileOutput) -> bool {
        self.is_recorded || output.rows.out_of_scope > 0
    }
}

/// A part as it is read back.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) output: FileOutput,
    pub(crate) counted: Vec<(RunId, Vec<u64>)>,
    pub(crate) altered: Vec<(RunId, Vec<u64>)>,
    pub(crate) records: Vec<u8>,
    pub(crate) malformed: Vec<String>,
}

/// Levels beyond it cost much more time than they save room.
const LEVEL: i32 = 1;

/// A batch of rows decodes to much less.
const MOST: usize = 1 << 28;

/// None for what is too large, or concerns the rows of other files.
pub(crate) fn encode(
    output: &FileOutput,
    kept: &Kept,
    runs: &KnownRuns,
    names: &Interner,
) -> Option<Vec<u8>> {
    let FileOutput { facts, rows, losses, .. } = output;
    if kept.depends_on_others {
        return None;
    }
    let mut rest = Out::default();
    let mut symbols = Table::new();
    let mut body = Out::default();
    put_facts(facts, &mut symbols, &mut body);
    put_records(&kept.records, &mut symbols, &mut body);
    put_counted(&kept.counted, runs, &mut body);
    put_counted(&kept.altered, runs, &mut body);
    counts_of(rows).into_iter().chain(losses.counts()).for_each(|count| body.number(count));
    body.number(kept.malformed.len() as u64);
    kept.malformed.iter().for_each(|text| body.bytes(text.as_bytes()));
    faults::put(output, &mut body);

    rest.number(symbols.values.len() as u64);
    for symbol in symbols.values {
        rest.bytes(names.text(symbol).unwrap_or_default().as_bytes());
    }
    rest.0.append(&mut body.0);

    let mut bytes = Out::default();
    bytes.number(facts.len() as u64);
    for fact in facts {
        bytes.word(fact.span);
    }
    bytes.number(rest.0.len() as u64);
    bytes.0.extend(zstd::bulk::compress(&rest.0, LEVEL).expect("what is in memory is compressed"));
    (rest.0.len() <= MOST).then_some(bytes.0)
}

fn counts_of(rows: &RowCounts) -> [u64; 5] {
    [rows.as_planned, rows.differing, rows.by_structure, rows.strays, rows.out_of_scope]
}

/// The ids of the spans of a part's facts.
pub(crate) fn spans(bytes: &[u8]) -> Option<impl Iterator<Item = u64>> {
    Some(words(In(bytes).words()?))
}

/// None for what [`encode`] did not write.
pub(crate) fn decode(bytes: &[u8], names: &Interner, file: Symbol) -> Option<Part> {
    let mut bytes = In(bytes);
    let spans = bytes.words()?;
    let length = usize::try_from(bytes.number()?).ok().filter(|length| *length <= MOST)?;
    let rest = zstd::bulk::decompress(bytes.0, length).ok()?;
    let mut rest = In(&rest);
    let count = rest.count()?;
    let symbols = (0..count).map(|_| Some(names.name(rest.text()?))).collect::<Option<Vec<_>>>()?;
    let mut part = Part::default();
    part.output.facts = facts(&mut rest, spans, &symbols, file)?;
    part.records = records(&mut rest, &symbols, file)?;
    for counts in [&mut part.counted, &mut part.altered] {
        let runs = rest.count()?;
        *counts = (0..runs).map(|_| counted(&mut rest)).collect::<Option<_>>()?;
    }
    let mut counts = [0; 5 + Losses::KINDS];
    for count in &mut counts {
        *count = rest.number()?;
    }
    let [as_planned, differing, by_structure, strays, out_of_scope, losses @ ..] = counts;
    part.output.rows = RowCounts { as_planned, differing, by_structure, strays, out_of_scope };
    part.output.losses = Losses::of(losses);
    let malformed = rest.count()?;
    part.malformed = (0..malformed).map(|_| rest.text().map(str::to_owned)).collect::<Option<_>>()?;
    faults::take(&mut rest, &mut part.output, names.text(file))?;
    rest.0.is_empty().then_some(part)
}

/// Records name their file and their service by numbers of this process: instead they get those of this part.
fn put_records(kept: &[u8], symbols: &mut Table<Symbol>, out: &mut Out) {
    let mut relabelled = Vec::with_capacity(kept.len());
    for record in records::split(kept) {
        push(&mut relabelled, |out| {
            let start = out.len();
            out.extend_from_slice(record);
            relabel(&mut out[start..], Symbol::NONE, |service| {
                let is_none = service == Symbol::NONE;
                Some(if is_none { service } else { Symbol(symbols.number(service) as u32) })
            });
        });
    }
    out.bytes(&relabelled);
}

fn records(bytes: &mut In<'_>, symbols: &[Symbol], file: Symbol) -> Option<Vec<u8>> {
    let mut all = bytes.bytes()?.to_vec();
    let mut rest = &mut all[..];
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk_mut()?;
        let (record, behind) = behind.split_at_mut_checked(u32::from_le_bytes(*length) as usize)?;
        relabel(record, file, |service| match service {
            Symbol::NONE => Some(service),
            Symbol(number) => symbols.get(number as usize).copied(),
        })?;
        rest = behind;
    }
    Some(all)
}

fn put_counted(counted: &[(usize, u64)], runs: &KnownRuns, out: &mut Out) {
    let mut by_run: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for (run, slot) in counted {
        by_run.entry(*run).or_default().push(*slot);
    }
    out.number(by_run.len() as u64);
    for (run, slots) in by_run {
        out.number(runs.runs[run].run.bits());
        out.number(slots.len() as u64);
        let mut before = 0_u64;
        for slot in slots {
            out.signed(slot.wrapping_sub(before).cast_signed());
            before = slot;
        }
    }
}

fn counted(bytes: &mut In<'_>) -> Option<(RunId, Vec<u64>)> {
    let run = RunId::from_bits(bytes.number()?);
    let count = bytes.count()?;
    let mut before = 0_u64;
    let mut slot = || {
        before = before.wrapping_add(bytes.signed()?.cast_unsigned());
        Some(before)
    };
    Some((run, (0..count).map(|_| slot()).collect::<Option<_>>()?))
}

/// What the rows of a file said all together, in whatever parts and order it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    facts: u64,
    records: u64,
    counted: u64,
    rows: RowCounts,
    losses: Losses,
}

impl Sum {
    pub(crate) fn add(&mut self, output: &FileOutput, records: &[u8]) {
        let sum = |hashes: &mut dyn Iterator<Item = u64>| hashes.fold(0, u64::wrapping_add);
        let facts = sum(&mut output.facts.iter().map(|fact| hash(&fact_bytes::encode(fact))));
        self.facts = self.facts.wrapping_add(facts);
        self.records = self.records.wrapping_add(sum(&mut records::split(records).map(hash)));
        self.rows += output.rows;
        self.losses += output.losses;
    }

    pub(crate) fn without_records(self) -> Self {
        Self { records: 0, ..self }
    }

    pub(crate) fn count(&mut self, run: RunId, slot: u64) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&run.bits().to_le_bytes());
        bytes[8..].copy_from_slice(&slot.to_le_bytes());
        self.counted = self.counted.wrapping_add(hash(&bytes));
    }
}

impl AddAssign<&Part> for Sum {
    fn add_assign(&mut self, part: &Part) {
        self.add(&part.output, &part.records);
        for (run, slots) in &part.counted {
            for slot in slots {
                self.count(*run, *slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        contract::schema::Schema,
        judge::{
            claim::KnownRun,
            differing::{DifferingRow, Values},
            evidence::{Address, StoredDifference},
            expectation::{Expectation, Recorded},
            fact::{Fact, Marks},
            hidden_rows::{Hidden, HiddenRow},
            junjo::{
                Execution, Kind,
                record::{self, RowText},
            },
            unplannable::Stray,
        },
        store::layout::Tier,
    };

    const FILE: Symbol = Symbol(0);

    fn names() -> Interner {
        let names = Interner::default();
        for name in ["a file", "", "service", "ö"] {
            names.name(name);
        }
        names
    }

    fn runs() -> KnownRuns {
        let run = |bits| {
            let expectation = Arc::new(Expectation::Recorded(Recorded::default()));
            KnownRun::new(RunId::from_bits(bits), expectation, true)
        };
        KnownRuns::new([run(7), run(1 << 47)])
    }

    fn symbol() -> impl Strategy<Value = Symbol> {
        prop_oneof![Just(Symbol::NONE), (1..4_u32).prop_map(Symbol)]
    }

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![0..4_u64, any::<u64>()]
    }

    fn fact() -> impl Strategy<Value = Fact> {
        let ids = (prop_oneof![0..3_u128, any::<u128>()], number(), number(), number(), number());
        let times = (any::<i64>(), any::<i64>(), prop_oneof![0..9_i64, any::<i64>()]);
        let texts = (symbol(), symbol(), symbol(), symbol());
        let others = (any::<u64>(), any::<u64>(), any::<u32>(), 0..16_u8, any::<u64>());
        (ids, times, texts, others).prop_map(
            |(ids, times, texts, (content, run, row_number, kind, marks))| {
                let (trace, span, parent, own, within) = ids;
                Fact {
                    trace,
                    span,
                    parent,
                    start_time: times.0,
                    end_time: times.1,
                    duration: times.2,
                    content,
                    execution: Execution { own, parent: within, kind: Kind::from_bits(kind) },
                    run,
                    file: FILE,
                    row_number,
                    service: texts.0,
                    resource_service: texts.1,
                    tagged_service: texts.2,
                    instance: texts.3,
                    marks: Marks::from_bits(marks),
                }
            },
        )
    }

    fn add_faults(output: &mut FileOutput, rows: &[u32], text: &str) {
        let address = |row: u32| Address { tier: Tier::Cold, file: "a file".into(), row_number: row.into() };
        let some = || Some(text.to_owned());
        output.differences.extend(rows.iter().map(|row| StoredDifference {
            address: address(*row),
            run: RunId::from_bits(7),
            service: some(),
            workflow: None,
            number: u64::MAX,
            trace_id: None,
            span_id: text.to_owned(),
            difference: None,
            of_row: Some(u64::MAX),
        }));
        output.strays.extend(rows.iter().map(|row| Stray {
            address: address(*row),
            run: RunId::from_bits(7).to_string(),
            service_name: None,
            trace_id: some(),
            span_id: None,
        }));
        output.hidden_rows.extend(rows.iter().map(|row| HiddenRow {
            address: address(*row),
            service_name: some(),
            trace_id: None,
            span_id: some(),
            by: Hidden::UnnamedEvent,
        }));
        let values = Values::of_bytes(text.as_bytes());
        output.differing.extend(rows.iter().map(|row| DifferingRow {
            run: 1,
            slot: u64::MAX,
            address: address(*row),
            schema: if row % 2 == 0 { Schema::V1 } else { Schema::V2 },
            values: values.clone(),
        }));
    }

    fn noted() -> impl Strategy<Value = (FileOutput, Kept)> {
        let slots = || vec((0..2_usize, number()), 0..20);
        let counts = (any::<[u64; 5]>(), any::<[u64; Losses::KINDS]>());
        let texts = (vec(".*", 0..3), vec(any::<u32>(), 0..3), ".*");
        (vec(fact(), 0..30), slots(), slots(), counts, texts).prop_map(
            |(facts, counted, altered, (rows, losses), (malformed, faulty, text))| {
                let mut records = Vec::new();
                for fact in facts.iter().step_by(3) {
                    let row = RowText {
                        name: "näme",
                        attributes: None,
                        events: Some("[]"),
                        resource: 1,
                        status: -1,
                        dropped_attributes: 2,
                        dropped_events: 3,
                    };
                    push(&mut records, |out| record::encode(fact, &row, out));
                }
                let [as_planned, differing, by_structure, strays, out_of_scope] = rows;
                let rows = RowCounts { as_planned, differing, by_structure, strays, out_of_scope };
                let mut output =
                    FileOutput { facts, rows, losses: Losses::of(losses), ..FileOutput::default() };
                add_faults(&mut output, &faulty, &text);
                (output, Kept { counted, altered, records, malformed, ..Kept::default() })
            },
        )
    }

    fn slots(of: &[(usize, u64)], run: usize) -> Vec<u64> {
        of.iter().filter(|(other, _)| *other == run).map(|(_, slot)| *slot).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read((output, kept) in noted()) {
            let (names, runs) = (names(), runs());
            let bytes = encode(&output, &kept, &runs, &names).unwrap();
            prop_assert!(spans(&bytes).unwrap().eq(output.facts.iter().map(|fact| fact.span)));
            let part = decode(&bytes, &names, FILE).unwrap();
            prop_assert_eq!(&part.output.facts, &output.facts);
            prop_assert_eq!((part.output.rows, part.output.losses), (output.rows, output.losses));
            prop_assert_eq!((&part.records, &part.malformed), (&kept.records, &kept.malformed));
            prop_assert_eq!(&part.output.differences, &output.differences);
            prop_assert_eq!(&part.output.strays, &output.strays);
            prop_assert_eq!(&part.output.hidden_rows, &output.hidden_rows);
            prop_assert_eq!(&part.output.differing, &output.differing);
            for (index, known) in runs.runs.iter().enumerate() {
                for (read, written) in [(&part.counted, &kept.counted), (&part.altered, &kept.altered)] {
                    let found = read.iter().find(|(run, _)| *run == known.run);
                    let found = found.map_or(&[][..], |(_, slots)| slots.as_slice());
                    prop_assert_eq!(found, slots(written, index));
                }
            }
            let mut sums = [Sum::default(), Sum::default()];
            sums[0] += &part;
            sums[1].add(&output, &kept.records);
            kept.counted.iter().for_each(|(run, slot)| sums[1].count(runs.runs[*run].run, *slot));
            prop_assert_eq!(sums[0], sums[1]);
        }

        #[test]
        fn a_part_that_is_cut_or_changed_is_none_or_another(
            (output, kept) in noted(), at in any::<prop::sample::Index>(), flip in 1..=255_u8,
        ) {
            let names = names();
            let mut bytes = encode(&output, &kept, &runs(), &names).unwrap();
            let at = at.index(bytes.len());
            prop_assert!(decode(&bytes[..at], &names, FILE).is_none());
            bytes[at] ^= flip;
            decode(&bytes, &names, FILE);
        }
    }
}
