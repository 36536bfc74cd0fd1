//! Messages as the rows of a scan.

use std::sync::{Arc, LazyLock};

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, BinaryArray, RecordBatch, UInt8Array, UInt32Array},
        datatypes::{DataType, Field, Schema, SchemaRef, UInt8Type, UInt32Type},
        error::ArrowError,
    },
    error::{DataFusionError, Result},
};

use crate::judge::engine::{Message, MessageKind};

/// Bodies of a batch come to no more than this, but for one that is larger by itself.
const BATCH_BYTES: usize = 4 << 20;

const KINDS: [MessageKind; 3] = [MessageKind::Part, MessageKind::IndexKeys, MessageKind::End];

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("file", DataType::UInt32, false),
        Field::new("kind", DataType::UInt8, false),
        Field::new("body", DataType::Binary, false),
    ]))
});

pub(super) fn schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

/// In their order.
pub(super) fn batches(messages: &[Message]) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut bytes = 0;
    let has_room = |_: &Message, next: &Message| {
        bytes += next.body.len();
        let fits = bytes <= BATCH_BYTES;
        if !fits {
            bytes = 0;
        }
        fits
    };
    messages.chunk_by(has_room).map(batch).collect()
}

fn batch(messages: &[Message]) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(messages.iter().map(|message| message.file))),
        Arc::new(UInt8Array::from_iter_values(messages.iter().map(|message| message.kind as u8))),
        Arc::new(BinaryArray::from_iter_values(messages.iter().map(|message| &message.body))),
    ];
    RecordBatch::try_new(schema(), columns)
}

pub(super) fn read(batch: &RecordBatch) -> Result<Vec<Message>> {
    let wrong = || DataFusionError::Execution("the cluster sent something else than messages".to_owned());
    if batch.schema().fields() != schema().fields() {
        return Err(wrong());
    }
    let files = batch.column(0).as_primitive::<UInt32Type>();
    let kinds = batch.column(1).as_primitive::<UInt8Type>();
    let bodies = batch.column(2).as_binary::<i32>();
    let message = |row: usize| {
        let kind = KINDS.into_iter().find(|kind| *kind as u8 == kinds.value(row)).ok_or_else(wrong)?;
        Ok(Message { file: files.value(row), kind, body: bodies.value(row).to_vec() })
    };
    (0..files.len()).map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        let body = |length: usize| vec![7; length];
        let lengths = [0, 3 << 20, 3 << 20, 9 << 20, 1, 2];
        let message = |(file, length): (u32, &usize)| Message {
            file,
            kind: KINDS[file as usize % KINDS.len()],
            body: body(*length),
        };
        let messages: Vec<_> = (0..).zip(&lengths).map(message).collect();
        let batches = batches(&messages).unwrap();
        assert!(batches.len() > 2);
        let read: Vec<_> = batches.iter().flat_map(|batch| read(batch).unwrap()).collect();
        assert_eq!(read, messages);
    }
}
