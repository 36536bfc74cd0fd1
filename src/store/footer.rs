//! What a Parquet file says of itself, and whether that can be true.
//!
//! The footer is measured before the parquet crate parses it, and what it claims (chunks, rows,
//! columns) is checked against the file, so that a scan can neither run off the file nor reserve what
//! a damaged number asks for. Reads no page; `pages` checks those while they are scanned.

use std::{
    fs::{File, Metadata},
    io,
    path::Path,
    sync::Arc,
};

use datafusion::{
    arrow::datatypes::Schema as ArrowSchema,
    parquet::{
        arrow::parquet_to_arrow_schema,
        file::metadata::{
            ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
            ParquetStatisticsPolicy, RowGroupMetaData,
        },
    },
};

use super::{
    bytes::{FileBytes, read_at},
    columns::{self, WrongType},
    problem::FileProblem,
    read_digest::ReadDigest,
    thrift,
};
use crate::{base::panic_guard::catch_panic, contract::digest::hash};

const MAGIC: &[u8] = b"PAR1";
/// The length of the metadata, and the magic.
const TAIL: u64 = 8;
/// Some hundred times what 25 MB of spans need; what is parsed takes several times its size in memory.
const MAX_METADATA: u64 = 16 << 20;

/// Ids of spans are random: a row of a studio takes some ten bytes at least. A run of one value takes none, and a few
/// kilobytes of them may claim any number of rows.
const ROWS_PER_BYTE: u64 = 8;
/// Files with fewer are read, whatever they hold.
const MANY_ROWS: u64 = 1_000_000;

/// A Parquet file's own account.
#[derive(Debug, Clone)]
pub(crate) struct Footer {
    pub(crate) rows: u64,
    /// The columns that the file has, in its order.
    pub(crate) columns: Vec<String>,
    /// Those of the auditor's columns that it stores as another type.
    pub(crate) wrong_types: Vec<WrongType>,
    pub(crate) metadata: Arc<ParquetMetaData>,
    /// Those that it was read from, and that its rows are read from.
    pub(crate) bytes: Arc<FileBytes>,
}

/// Whether the minima, maxima and null counts of a footer are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Statistics {
    /// They are not read: nobody has held them against the values.
    #[default]
    Ignored,
    Trusted,
}

/// Reads and checks a footer, with its statistics.
pub(crate) fn footer(bytes: &Arc<FileBytes>) -> Result<Footer, FileProblem> {
    footer_of(bytes, Statistics::Trusted)
}

/// A digest of a footer's bytes, and what the system says of the file, without looking into either.
pub(crate) fn digest(path: &Path) -> Result<(u64, Metadata), FileProblem> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let bytes = metadata_bytes(&FileBytes::Local(file), metadata.len())?;
    Ok((hash(&bytes), metadata))
}

/// Adds all bytes of a file that are in none of its column chunks to a digest.
pub(crate) fn digest_beside_chunks(
    path: &Path,
    metadata: &ParquetMetaData,
    digest: &ReadDigest,
) -> io::Result<()> {
    const PIECE: u64 = 1 << 20;
    let file = File::open(path)?;
    let columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let mut chunks: Vec<(u64, u64)> = columns.map(ColumnChunkMetaData::byte_range).collect();
    chunks.sort_unstable();
    chunks.push((file.metadata()?.len(), 0));
    let mut at = 0;
    for (start, length) in chunks {
        while at < start {
            let mut bytes = vec![0; (start - at).min(PIECE) as usize];
            read_at(&file, at, &mut bytes)?;
            digest.add(at, &bytes);
            at += bytes.len() as u64;
        }
        at = at.max(start.saturating_add(length));
    }
    Ok(())
}

pub(crate) fn footer_of(file: &Arc<FileBytes>, statistics: Statistics) -> Result<Footer, FileProblem> {
    let size = file.size()?;
    let bytes = metadata_bytes(file, size)?;
    let metadata = parse(&bytes, statistics).map_err(FileProblem::BadFooter)?;
    let described = catch_panic(|| describe(metadata, size, file)).map_err(|err| err.to_string());
    let footer = described.and_then(|described| described).map_err(FileProblem::BadFooter)?;
    match footer.rows {
        rows if rows > MANY_ROWS && rows / ROWS_PER_BYTE > size => Err(FileProblem::ManyRows { rows, size }),
        _ => Ok(footer),
    }
}

fn parse(bytes: &[u8], statistics: Statistics) -> Result<ParquetMetaData, String> {
    check_counts(bytes)?;
    let policy = match statistics {
        Statistics::Ignored => ParquetStatisticsPolicy::SkipAll,
        Statistics::Trusted => ParquetStatisticsPolicy::KeepAll,
    };
    let options = ParquetMetaDataOptions::new().with_column_stats_policy(policy);
    let decode = || ParquetMetaDataReader::decode_metadata_with_options(bytes, Some(&options));
    catch_panic(decode).map_err(|err| err.to_string())?.map_err(|err| {
        let reason = err.to_string().replace("External: ", "");
        format!("the footer does not parse: {}", reason.trim_start_matches("Parquet error: "))
    })
}

fn metadata_bytes(file: &FileBytes, size: u64) -> Result<Vec<u8>, FileProblem> {
    let mut head = [0; 4];
    let mut tail = [0; 8];
    if size == 0 {
        return Err(FileProblem::Empty);
    }
    if size < TAIL + 4 {
        return Err(FileProblem::TooShort { size, format: "Parquet" });
    }
    file.read_at(0, &mut head)?;
    file.read_at(size - TAIL, &mut tail)?;
    let (length, magic) = tail.split_at(4);
    let (head, tail) = (head == MAGIC, magic == MAGIC);
    if !(head && tail) {
        return Err(FileProblem::BadMagic { head, tail });
    }
    let length = u64::from(u32::from_le_bytes([length[0], length[1], length[2], length[3]]));
    if length > size - TAIL - 4 {
        let reason = format!("the footer claims {length} bytes of a file of {size}");
        return Err(FileProblem::BadFooter(reason));
    }
    if length > MAX_METADATA {
        let reason = format!("the footer claims {length} bytes, more than is read ({MAX_METADATA})");
        return Err(FileProblem::BadFooter(reason));
    }
    let length_in_memory = usize::try_from(length).map_err(|err| FileProblem::BadFooter(err.to_string()))?;
    let mut bytes = vec![0; length_in_memory];
    file.read_at(size - TAIL - length, &mut bytes)?;
    Ok(bytes)
}

/// Counts that the parquet crate would reserve memory by.
fn check_counts(bytes: &[u8]) -> Result<(), String> {
    const SCHEMA: i16 = 2;
    const NUM_CHILDREN: i16 = 5;
    let (metadata, _) = thrift::read_struct(bytes, &thrift::shape::FILE_METADATA)
        .map_err(|err| format!("the footer is damaged: {err}"))?;
    let elements = metadata.field(SCHEMA).map(thrift::Value::items).unwrap_or_default();
    let most = i64::try_from(elements.len()).map_err(|err| err.to_string())?;
    match elements
        .iter()
        .filter_map(|element| element.int(NUM_CHILDREN))
        .find(|children| !(0..most).contains(children))
    {
        Some(children) => Err(format!("the footer's schema of {most} elements claims a group of {children}")),
        None => Ok(()),
    }
}

fn describe(metadata: ParquetMetaData, size: u64, bytes: &Arc<FileBytes>) -> Result<Footer, String> {
    let file = metadata.file_metadata();
    let rows =
        u64::try_from(file.num_rows()).map_err(|_| format!("the footer claims {} rows", file.num_rows()))?;
    let mut counted = 0_u64;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let rows = check_group(group, size).map_err(|reason| format!("row group {index} {reason}"))?;
        counted = counted.checked_add(rows).ok_or("the row groups claim more rows than can be counted")?;
    }
    if counted != rows {
        return Err(format!("the footer claims {rows} rows, its row groups {counted}"));
    }
    let columns = file.schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
    let wrong_types = columns::wrong_types(&arrow_schema(&metadata)?);
    Ok(Footer { rows, columns, wrong_types, metadata: Arc::new(metadata), bytes: Arc::clone(bytes) })
}

/// The types as the decoder will see them: a damaged hint of the writer's counts for nothing.
fn arrow_schema(metadata: &ParquetMetaData) -> Result<ArrowSchema, String> {
    let file = metadata.file_metadata();
    let hinted = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata());
    hinted
        .or_else(|_| parquet_to_arrow_schema(file.schema_descr(), None))
        .map_err(|err| format!("the footer's schema does not parse: {err}"))
}

fn check_group(group: &RowGroupMetaData, size: u64) -> Result<u64, String> {
    let rows = group.num_rows();
    for column in group.columns() {
        let (start, length) = column.byte_range();
        let inside = start >= 4 && start.checked_add(length).is_some_and(|end| end <= size - TAIL);
        if !inside {
            let name = column.column_path().string();
            return Err(format!("has column `{name}` at bytes {start}+{length} of a file of {size}"));
        }
        let is_flat = column.column_descr().max_rep_level() == 0;
        if is_flat && column.num_values() != rows {
            let (name, values) = (column.column_path().string(), column.num_values());
            return Err(format!("claims {rows} rows, its column `{name}` {values} values"));
        }
    }
    u64::try_from(rows).map_err(|_| format!("claims {rows} rows"))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use datafusion::arrow::array::{ArrayRef, Int8Array, RecordBatch};

    use super::*;
    use crate::{contract::schema::Schema, testing::write_batch};

    fn footer(path: &Path) -> Result<Footer, FileProblem> {
        super::footer(&FileBytes::of_path(path)?)
    }

    fn fixture(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
    }

    #[test]
    fn golden_files_describe_themselves() {
        let check = |name, rows, schema| {
            let footer = footer(&fixture(name)).unwrap();
            assert_eq!(
                (footer.rows, footer.metadata.num_row_groups(), columns::era(&footer.columns)),
                (rows, 1, Some(schema)),
                "{name}"
            );
        };
        check("studio-0.82.1/spans/hot_snapshot.parquet", 42, Schema::V2);
        check("studio-0.80.0/spans/hot_snapshot.parquet", 8, Schema::V1);
    }

    #[test]
    fn each_damage_has_its_sentence() {
        let golden = fs::read(fixture("studio-0.82.1/spans/hot_snapshot.parquet")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let check = |bytes: &[u8], sentence: &str| {
            let path = dir.path().join("a b%#.parquet");
            fs::write(&path, bytes).unwrap();
            let found = footer(&path).unwrap_err().to_string();
            assert!(found.contains(sentence), "{found}");
        };
        check(&[], "the file is empty");
        check(b"PAR1", "too few for Parquet");
        check(&golden[..golden.len() - 1], "it was cut");
        check(&golden[1..], "does not begin with `PAR1`");
        check(&[7; 100], "no `PAR1` at either end");
        let mut long = golden.clone();
        let at = long.len() - 5;
        long[at] = 0x7f;
        check(&long, "the footer claims");
        let gone = footer(&dir.path().join("none.parquet"));
        assert!(matches!(gone, Err(FileProblem::Gone)));
    }

    #[test]
    fn a_few_bytes_cannot_claim_millions_of_rows() {
        let dir = tempfile::tempdir().unwrap();
        let written = |rows: usize| {
            let path = dir.path().join("many.parquet");
            let kinds: ArrayRef = Arc::new(Int8Array::from(vec![1; rows]));
            write_batch(&path, &RecordBatch::try_from_iter([("span_kind", kinds)]).unwrap());
            footer(&path).map(|footer| footer.rows)
        };
        assert_eq!(written(1_000_000), Ok(1_000_000));
        let refused = written(2_000_000).unwrap_err();
        assert!(matches!(refused, FileProblem::ManyRows { rows: 2_000_000, .. }), "{refused:?}");
        assert!(refused.to_string().starts_with("it claims 2 000 000 rows in "), "{refused}");
    }

    #[test]
    fn a_schema_cannot_claim_more_columns_than_it_has() {
        // {2: [{5: 1}, {}]}, and the same with 2^30 children.
        assert_eq!(check_counts(&[0x29, 0x2c, 0x55, 0x02, 0x00, 0x00, 0x00]), Ok(()));
        let huge = check_counts(&[0x29, 0x2c, 0x55, 0x80, 0x80, 0x80, 0x80, 0x08, 0x00, 0x00, 0x00]);
        assert_eq!(huge, Err("the footer's schema of 2 elements claims a group of 1073741824".to_owned()));
    }
}
