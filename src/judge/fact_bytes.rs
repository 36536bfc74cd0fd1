//! Facts on disk, as fixed-width little-endian numbers.

use super::{
    fact::{Fact, Marks},
    interner::Symbol,
    junjo::{Execution, Kind},
};

pub(super) const LEN: usize = 120;

/// Where the kind begins in the last word.
const KIND: u32 = 56;

pub(super) fn encode(fact: &Fact) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    let mut at = 0;
    let mut put = |field: &[u8]| {
        bytes[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    };
    put(&fact.trace.to_le_bytes());
    for word in [
        fact.span,
        fact.parent,
        fact.start_time.cast_unsigned(),
        fact.end_time.cast_unsigned(),
        fact.duration.cast_unsigned(),
        fact.content,
        fact.execution.own,
        fact.execution.parent,
        fact.run,
    ] {
        put(&word.to_le_bytes());
    }
    let Symbol(file) = fact.file;
    for half in [
        file,
        fact.row_number,
        fact.service.0,
        fact.resource_service.0,
        fact.tagged_service.0,
        fact.instance.0,
    ] {
        put(&half.to_le_bytes());
    }
    // Both in one word: marks leave its highest byte alone.
    let kind = u64::from(fact.execution.kind.bits()) << KIND;
    put(&(fact.marks.bits() | kind).to_le_bytes());
    bytes
}

pub(super) fn decode(bytes: &[u8; LEN]) -> Fact {
    let mut at = 0;
    let mut trace = [0; 16];
    trace.copy_from_slice(&bytes[..16]);
    at += 16;
    let mut word = || {
        let mut field = [0; 8];
        field.copy_from_slice(&bytes[at..at + 8]);
        at += 8;
        u64::from_le_bytes(field)
    };
    let [span, parent, start, end, duration, content, own, within, run] = std::array::from_fn(|_| word());
    let mut half = || {
        let mut field = [0; 4];
        field.copy_from_slice(&bytes[at..at + 4]);
        at += 4;
        u32::from_le_bytes(field)
    };
    let [file, row_number, service, resource_service, tagged_service, instance] =
        std::array::from_fn(|_| half());
    let mut last = [0; 8];
    last.copy_from_slice(&bytes[LEN - 8..]);
    let last = u64::from_le_bytes(last);
    Fact {
        trace: u128::from_le_bytes(trace),
        span,
        parent,
        start_time: start.cast_signed(),
        end_time: end.cast_signed(),
        duration: duration.cast_signed(),
        content,
        execution: Execution { own, parent: within, kind: Kind::from_bits((last >> KIND) as u8) },
        run,
        file: Symbol(file),
        row_number,
        service: Symbol(service),
        resource_service: Symbol(resource_service),
        tagged_service: Symbol(tagged_service),
        instance: Symbol(instance),
        marks: Marks::from_bits(last & ((1 << KIND) - 1)),
    }
}
