//! What a batch of rows of a cold file said, as bytes that outlast this process.
//!
//! The ids of spans come first and as they are: they are random, and what has to look for some of them reads no more.
//! Behind them all else is compressed: names by number, traces, executions and the shapes of rows once each, parents
//! by their place, times by what they are later than others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
    ops::AddAssign,
};

use super::bytes::{In, Out, from_zigzag, zigzag};
use crate::{
    contract::{digest::hash, loss::Losses},
    judge::{
        claim::KnownRuns,
        fact::{Fact, Marks},
        fact_bytes,
        interner::{Interner, Symbol},
        judgement::RowCounts,
        junjo::{
            Execution, Kind,
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
    /// Planned or recorded spans that a row counts for, by the place of their run in `KnownRuns`; all as they should be.
    pub(crate) counted: Vec<(usize, u64)>,
    /// Records of rows with Junjo telemetry, each behind its length.
    pub(crate) records: Vec<u8>,
    /// Texts of ids that are no numbers.
    pub(crate) malformed: Vec<String>,
    /// Runs that are named by rows of no known run.
    pub(crate) named_runs: BTreeSet<RunId>,
    /// A row counts for a recorded span.
    pub(crate) is_recorded: bool,
    /// Something is not as it should be, or may be judged otherwise beside other files.
    pub(crate) is_passing: bool,
}

/// A part as it is read back.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) output: FileOutput,
    pub(crate) counted: Vec<(RunId, Vec<u64>)>,
    pub(crate) records: Vec<u8>,
    pub(crate) malformed: Vec<String>,
}

/// Levels beyond it cost much more time than they save room.
const LEVEL: i32 = 1;

/// A batch of rows decodes to much less.
const MOST: usize = 1 << 28;

/// A row's numbers that many rows have together.
type RowShape = (u64, u64, u8, [Symbol; 4]);

/// Different values in the order in which they came.
struct Table<T> {
    numbers: HashMap<T, u64>,
    values: Vec<T>,
}

impl<T: Copy + Eq + Hash> Table<T> {
    fn new() -> Self {
        Self { numbers: HashMap::new(), values: Vec::new() }
    }

    fn number(&mut self, value: T) -> u64 {
        let next = self.values.len() as u64;
        *self.numbers.entry(value).or_insert_with(|| {
            self.values.push(value);
            next
        })
    }
}

pub(crate) fn encode(output: &FileOutput, kept: &Kept, runs: &KnownRuns, names: &Interner) -> Vec<u8> {
    let FileOutput { facts, rows, losses, .. } = output;
    let mut rest = Out::default();
    let mut symbols = Table::new();
    let mut body = Out::default();
    put_facts(facts, &mut symbols, &mut body);
    put_records(&kept.records, &mut symbols, &mut body);
    put_counted(&kept.counted, runs, &mut body);
    for count in [rows.as_planned, rows.by_structure, rows.out_of_scope].into_iter().chain(losses.counts()) {
        body.number(count);
    }
    body.number(kept.malformed.len() as u64);
    kept.malformed.iter().for_each(|text| body.bytes(text.as_bytes()));

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
    bytes.0
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
    let runs = rest.count()?;
    part.counted = (0..runs).map(|_| counted(&mut rest)).collect::<Option<_>>()?;
    let mut counts = [0; 3 + Losses::KINDS];
    for count in &mut counts {
        *count = rest.number()?;
    }
    let [as_planned, by_structure, out_of_scope, losses @ ..] = counts;
    part.output.rows = RowCounts { as_planned, by_structure, out_of_scope, ..RowCounts::default() };
    part.output.losses = Losses::of(losses);
    let malformed = rest.count()?;
    part.malformed = (0..malformed).map(|_| rest.text().map(str::to_owned)).collect::<Option<_>>()?;
    rest.0.is_empty().then_some(part)
}

impl<'b> In<'b> {
    /// So many words as they lie there.
    fn words(&mut self) -> Option<&'b [u8]> {
        let length = self.count()?.checked_mul(8)?;
        self.take(length)
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word))
}

fn put_facts(facts: &[Fact], symbols: &mut Table<Symbol>, out: &mut Out) {
    let (mut shapes, mut traces, mut executions) = (Table::new(), Table::new(), Table::new());
    let places: HashMap<u64, usize> = facts.iter().enumerate().map(|(at, fact)| (fact.span, at)).collect();
    let mut columns = Out::default();
    for fact in facts {
        let texts = [fact.service, fact.resource_service, fact.tagged_service, fact.instance];
        columns.number(shapes.number((fact.marks.bits(), fact.run, fact.execution.kind.bits(), texts)));
    }
    for fact in facts {
        columns.number(traces.number(fact.trace));
    }
    for fact in facts {
        columns.number(executions.number(fact.execution.own));
    }
    for fact in facts {
        columns.number(executions.number(fact.execution.parent));
    }
    for (at, fact) in facts.iter().enumerate() {
        match places.get(&fact.parent) {
            _ if fact.parent == 0 => columns.number(0),
            None => {
                columns.number(1);
                columns.word(fact.parent);
            }
            // In ones and twos around the row, both ways.
            Some(place) => {
                let distance = (*place as i64) - (at as i64);
                columns.number(2 + zigzag(distance));
            }
        }
    }
    let mut before = 0_i64;
    for fact in facts {
        columns.signed(fact.start_time.wrapping_sub(before));
        before = fact.start_time;
    }
    for fact in facts {
        columns.signed(lasted(fact.start_time, fact.end_time));
    }
    for fact in facts {
        columns.signed(fact.duration.wrapping_sub(lasted(fact.start_time, fact.end_time)));
    }
    let mut next = 0_i64;
    for fact in facts {
        columns.signed(i64::from(fact.row_number) - next);
        next = i64::from(fact.row_number) + 1;
    }
    for fact in facts {
        columns.word(fact.content);
    }

    out.number(shapes.values.len() as u64);
    for (marks, run, kind, texts) in shapes.values {
        out.number(marks);
        out.number(run);
        out.0.push(kind);
        for text in texts {
            put_symbol(text, symbols, out);
        }
    }
    out.number(traces.values.len() as u64);
    traces.values.iter().for_each(|trace| out.0.extend_from_slice(&trace.to_le_bytes()));
    out.number(executions.values.len() as u64);
    executions.values.iter().for_each(|execution| out.word(*execution));
    out.0.append(&mut columns.0);
}

fn lasted(start: i64, end: i64) -> i64 {
    end.wrapping_sub(start)
}

fn put_symbol(symbol: Symbol, symbols: &mut Table<Symbol>, out: &mut Out) {
    out.number(if symbol == Symbol::NONE { 0 } else { symbols.number(symbol) + 1 });
}

fn symbol(bytes: &mut In<'_>, symbols: &[Symbol]) -> Option<Symbol> {
    match bytes.number()? {
        0 => Some(Symbol::NONE),
        number => symbols.get(usize::try_from(number - 1).ok()?).copied(),
    }
}

fn facts(bytes: &mut In<'_>, spans: &[u8], symbols: &[Symbol], file: Symbol) -> Option<Vec<Fact>> {
    let count = bytes.count()?;
    let mut shape = || {
        let (marks, run, [kind]) = (bytes.number()?, bytes.number()?, bytes.array()?);
        let mut texts = [Symbol::NONE; 4];
        for text in &mut texts {
            *text = symbol(bytes, symbols)?;
        }
        Some((marks, run, kind, texts))
    };
    let shapes: Vec<RowShape> = (0..count).map(|_| shape()).collect::<Option<_>>()?;
    let count = bytes.count()?;
    let traces: Vec<u128> =
        (0..count).map(|_| bytes.array().map(u128::from_le_bytes)).collect::<Option<_>>()?;
    let count = bytes.count()?;
    let executions: Vec<u64> = (0..count).map(|_| bytes.word()).collect::<Option<_>>()?;
    let place = |bytes: &mut In<'_>| usize::try_from(bytes.number()?).ok();

    let spans: Vec<u64> = words(spans).collect();
    let mut facts = Vec::with_capacity(spans.len());
    for span in &spans {
        let &(marks, run, kind, [service, resource_service, tagged_service, instance]) =
            shapes.get(place(bytes)?)?;
        facts.push(Fact {
            trace: 0,
            span: *span,
            parent: 0,
            start_time: 0,
            end_time: 0,
            duration: 0,
            content: 0,
            execution: Execution { own: 0, parent: 0, kind: Kind::from_bits(kind) },
            run,
            file,
            row_number: 0,
            service,
            resource_service,
            tagged_service,
            instance,
            marks: Marks::from_bits(marks),
        });
    }
    for fact in &mut facts {
        fact.trace = *traces.get(place(bytes)?)?;
    }
    for fact in &mut facts {
        fact.execution.own = *executions.get(place(bytes)?)?;
    }
    for fact in &mut facts {
        fact.execution.parent = *executions.get(place(bytes)?)?;
    }
    for (at, fact) in facts.iter_mut().enumerate() {
        fact.parent = match bytes.number()? {
            0 => 0,
            1 => bytes.word()?,
            code => {
                let distance = from_zigzag(code - 2);
                *spans.get(at.checked_add_signed(isize::try_from(distance).ok()?)?)?
            }
        };
    }
    let mut before = 0_i64;
    for fact in &mut facts {
        before = before.wrapping_add(bytes.signed()?);
        fact.start_time = before;
    }
    for fact in &mut facts {
        fact.end_time = fact.start_time.wrapping_add(bytes.signed()?);
    }
    for fact in &mut facts {
        fact.duration = lasted(fact.start_time, fact.end_time).wrapping_add(bytes.signed()?);
    }
    let mut next = 0_i64;
    for fact in &mut facts {
        fact.row_number = u32::try_from(next.checked_add(bytes.signed()?)?).ok()?;
        next = i64::from(fact.row_number) + 1;
    }
    for fact in &mut facts {
        fact.content = bytes.word()?;
    }
    Some(facts)
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
    use crate::judge::{
        claim::KnownRun,
        expectation::{Expectation, Recorded},
        junjo::record::{self, RowText},
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

    fn noted() -> impl Strategy<Value = (FileOutput, Kept)> {
        let counted = vec((0..2_usize, number()), 0..20);
        let counts = (number(), number(), number(), any::<[u64; Losses::KINDS]>());
        (vec(fact(), 0..30), counted, counts, vec(".*", 0..3)).prop_map(
            |(facts, counted, (as_planned, by_structure, out_of_scope, losses), malformed)| {
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
                let rows = RowCounts { as_planned, by_structure, out_of_scope, ..RowCounts::default() };
                let output = FileOutput { facts, rows, losses: Losses::of(losses), ..FileOutput::default() };
                (output, Kept { counted, records, malformed, ..Kept::default() })
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read((output, kept) in noted()) {
            let (names, runs) = (names(), runs());
            let bytes = encode(&output, &kept, &runs, &names);
            prop_assert!(spans(&bytes).unwrap().eq(output.facts.iter().map(|fact| fact.span)));
            let part = decode(&bytes, &names, FILE).unwrap();
            prop_assert_eq!(&part.output.facts, &output.facts);
            prop_assert_eq!((part.output.rows, part.output.losses), (output.rows, output.losses));
            prop_assert_eq!((&part.records, &part.malformed), (&kept.records, &kept.malformed));
            for (index, known) in runs.runs.iter().enumerate() {
                let slots = |of: &[(usize, u64)]| {
                    of.iter().filter(|(run, _)| *run == index).map(|(_, slot)| *slot).collect::<Vec<_>>()
                };
                let found = part.counted.iter().find(|(run, _)| *run == known.run);
                prop_assert_eq!(found.map_or(&[][..], |(_, slots)| slots.as_slice()), slots(&kept.counted));
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
            let mut bytes = encode(&output, &kept, &runs(), &names);
            let at = at.index(bytes.len());
            prop_assert!(decode(&bytes[..at], &names, FILE).is_none());
            bytes[at] ^= flip;
            decode(&bytes, &names, FILE);
        }
    }
}
