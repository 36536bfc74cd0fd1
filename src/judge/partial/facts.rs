//! The facts of a part, column by column: what many rows have together once, ids by their place, times by what they are
//! later than others.

use std::{collections::HashMap, hash::Hash};

use super::bytes::{In, Out, from_zigzag, zigzag};
use crate::judge::{
    fact::{Fact, Marks},
    interner::Symbol,
    junjo::{Execution, Kind},
};

/// A row's numbers that many rows have together.
type RowShape = (u64, u64, u8, [Symbol; 4]);

/// Different values in the order in which they came.
pub(super) struct Table<T> {
    numbers: HashMap<T, u64>,
    pub(super) values: Vec<T>,
}

impl<T: Copy + Eq + Hash> Table<T> {
    pub(super) fn new() -> Self {
        Self { numbers: HashMap::new(), values: Vec::new() }
    }

    pub(super) fn number(&mut self, value: T) -> u64 {
        let next = self.values.len() as u64;
        *self.numbers.entry(value).or_insert_with(|| {
            self.values.push(value);
            next
        })
    }
}

pub(super) fn put_facts(facts: &[Fact], symbols: &mut Table<Symbol>, out: &mut Out) {
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

pub(super) fn facts(bytes: &mut In<'_>, spans: &[u8], symbols: &[Symbol], file: Symbol) -> Option<Vec<Fact>> {
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

impl<'b> In<'b> {
    /// So many words as they lie there.
    pub(super) fn words(&mut self) -> Option<&'b [u8]> {
        let length = self.count()?.checked_mul(8)?;
        self.take(length)
    }
}

pub(super) fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word))
}
