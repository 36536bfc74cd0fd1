//! Reads one WAL segment: an Arrow IPC stream, of which every byte may be wrong.
//!
//! The frames are walked and each body is measured before Arrow sees it, because its reader asserts on
//! buffers outside the body and allocates what a damaged length asks for. What decodes is kept, and the
//! first thing that does not is told with its offset. Text and offsets are always validated.

use std::{io, sync::Arc};

use datafusion::arrow::{
    array::RecordBatch,
    buffer::Buffer,
    datatypes::{Schema as ArrowSchema, SchemaRef},
    ipc::{Message, MessageHeader, convert::fb_to_schema, reader::read_record_batch},
};

use self::{
    body::check_body,
    frame::{Frame, Frames},
};
use super::{
    bytes::FileBytes,
    columns::{self, ColumnFaults, WrongType},
    problem::FileProblem,
};
use crate::base::panic_guard::catch_panic;

mod body;
mod frame;

/// A segment is read whole. Real ones hold a thousand spans, some hundred kilobytes to a few megabytes.
const MAX_SEGMENT: u64 = 1 << 30;

/// The rows of one segment, and where decoding stopped if it did.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    /// Adapted to the auditor's columns.
    pub(crate) batches: Vec<RecordBatch>,
    /// The columns that the segment itself has, in its order.
    pub(crate) columns: Vec<String>,
    /// Those of the auditor's columns that it stores as another type; they are null in the batches.
    pub(crate) wrong_types: Vec<WrongType>,
    /// The first thing that does not decode, if not everything does.
    pub(crate) torn: Option<FileProblem>,
    /// Whether the end-of-stream marker was seen. A stream that was cut between two messages, or just
    /// before its marker, has none, and no reader calls it an error.
    pub(crate) ended: bool,
}

impl Segment {
    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The worst that is wrong with it.
    pub(crate) fn problem(&self) -> Option<FileProblem> {
        let cut = || (!self.ended).then_some(FileProblem::NoEndMarker);
        let columns = || ColumnFaults::of(&self.columns, &self.wrong_types).map(FileProblem::Columns);
        self.torn.clone().or_else(cut).or_else(columns)
    }
}

/// Reads as much of a segment as decodes; an error only means that the file could not be read.
pub(crate) fn read_segment(file: &FileBytes) -> io::Result<Segment> {
    let size = file.size()?;
    if size > MAX_SEGMENT {
        return Err(io::Error::other(format!("{size} bytes are more than any studio writes into a segment")));
    }
    Ok(decode(&Buffer::from_vec(file.read()?)))
}

fn decode(file: &Buffer) -> Segment {
    if file.is_empty() {
        return Segment { torn: Some(FileProblem::Empty), ..Segment::default() };
    }
    let mut segment = Segment::default();
    let mut schema = None;
    let mut frames = Frames::new(file);
    loop {
        let offset = frames.offset();
        let added = match frames.next_frame() {
            Ok(None) => break,
            Ok(Some(frame)) => add(&mut segment, &mut schema, &frame),
            Err(reason) => Err(reason),
        };
        if let Err(reason) = added {
            // Where the frames stop may lie behind where this one began.
            let end = frames.offset();
            segment.torn = Some(if frames.ended() {
                FileProblem::TrailingBytes { offset: end as u64, bytes: (file.len() - end) as u64 }
            } else {
                FileProblem::Torn { offset: offset as u64, reason }
            });
            break;
        }
    }
    segment.ended = frames.ended();
    segment
}

fn add(segment: &mut Segment, schema: &mut Option<SchemaRef>, frame: &Frame) -> Result<(), String> {
    let message = frame.message()?;
    match (message.header_type(), schema.as_ref()) {
        (MessageHeader::Schema, None) => {
            let read = read_schema(&message)?;
            segment.columns = columns::names(&read);
            segment.wrong_types = columns::wrong_types(&read);
            *schema = Some(read);
        }
        (MessageHeader::Schema, Some(_)) => {
            return Err("a second schema inside one stream".to_owned());
        }
        (_, None) => return Err("the stream does not begin with its schema".to_owned()),
        (MessageHeader::RecordBatch, Some(schema)) => {
            segment.batches.push(read_batch(&message, schema, &frame.body)?);
        }
        (other, Some(_)) => {
            return Err(format!("a message of type {other:?}, which no studio writes"));
        }
    }
    Ok(())
}

fn read_schema(message: &Message) -> Result<SchemaRef, String> {
    let header = message.header_as_schema().ok_or("a schema message without a schema")?;
    let schema =
        catch_panic(|| fb_to_schema(header)).map_err(|err| format!("the schema does not decode: {err}"))?;
    if let Some(field) = schema.fields().iter().find(|field| !body::is_flat(field.data_type())) {
        return Err(format!(
            "column `{}` is of type {}, which no studio writes",
            field.name(),
            field.data_type()
        ));
    }
    // A null where the studio promises a value must stay visible as a null.
    let nullable = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Ok(Arc::new(ArrowSchema::new(nullable.collect::<Vec<_>>())))
}

fn read_batch(message: &Message, schema: &SchemaRef, body: &Buffer) -> Result<RecordBatch, String> {
    let header = message.header_as_record_batch().ok_or("a batch message without a batch")?;
    check_body(schema, &header, body)?;
    let version = message.version();
    let none = std::collections::HashMap::new();
    let decoded = catch_panic(|| read_record_batch(body, header, schema.clone(), &none, None, &version));
    let batch =
        decoded.map_err(|err| err.to_string())?.map_err(|err| format!("the batch does not decode: {err}"))?;
    catch_panic(|| columns::adapt(&batch)).map_err(|err| err.to_string())?.map_err(|err| err.to_string())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use datafusion::arrow::datatypes::DataType;

    use super::*;
    use crate::contract::schema::{Schema, readable};

    fn golden(studio: &str) -> Vec<u8> {
        let wal = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(studio).join("spans/wal");
        let entry = fs::read_dir(wal).unwrap().next().unwrap().unwrap();
        fs::read(entry.path()).unwrap()
    }

    fn read(bytes: &[u8]) -> Segment {
        decode(&Buffer::from_vec(bytes.to_vec()))
    }

    /// The byte offset of every message, and of the end marker.
    fn boundaries(bytes: &[u8]) -> Vec<usize> {
        let buffer = Buffer::from_vec(bytes.to_vec());
        let mut frames = Frames::new(&buffer);
        let mut offsets = vec![0];
        while frames.next_frame().unwrap().is_some() {
            offsets.push(frames.offset());
        }
        offsets
    }

    #[test]
    fn golden_segments_read_whole() {
        for (studio, rows, schema) in [("studio-0.82.1", 42, Schema::V2), ("studio-0.80.0", 8, Schema::V1)] {
            let segment = read(&golden(studio));
            assert_eq!((segment.rows(), segment.torn.clone(), segment.ended), (rows, None, true));
            assert_eq!(columns::era(&segment.columns), Some(schema));
            assert_eq!(segment.batches[0].schema(), readable());
        }
    }

    #[test]
    fn a_column_that_schema_1_lacks_is_null() {
        let segment = read(&golden("studio-0.80.0"));
        let links = segment.batches[0].column_by_name("links").unwrap();
        assert_eq!((links.null_count(), links.data_type()), (8, &DataType::Utf8View));
    }

    #[test]
    fn an_empty_file_is_empty() {
        let segment = read(&[]);
        assert_eq!(segment.torn, Some(FileProblem::Empty));
        assert!(!segment.ended);
    }

    #[test]
    fn a_cut_between_messages_shows_only_in_the_missing_end() {
        let bytes = golden("studio-0.82.1");
        let cuts = boundaries(&bytes);
        let rows: Vec<usize> = cuts[1..]
            .iter()
            .map(|cut| {
                let segment = read(&bytes[..*cut]);
                assert!(segment.torn.is_none() && !segment.ended);
                segment.rows()
            })
            .collect();
        assert_eq!(rows, [0, 42]);
    }

    #[test]
    fn any_other_cut_is_torn() {
        let bytes = golden("studio-0.80.0");
        let whole = boundaries(&bytes);
        for cut in (1..bytes.len()).filter(|cut| !whole.contains(cut)) {
            assert!(read(&bytes[..cut]).torn.is_some(), "cut at {cut}");
        }
    }

    #[test]
    fn bytes_after_the_end_are_torn() {
        let mut bytes = golden("studio-0.80.0");
        bytes.push(0);
        let segment = read(&bytes);
        assert_eq!((segment.rows(), segment.ended), (8, true));
        let offset = golden("studio-0.80.0").len() as u64;
        assert_eq!(segment.torn, Some(FileProblem::TrailingBytes { offset, bytes: 1 }));
        assert!(!segment.problem().unwrap().stops_readers());
    }
}
