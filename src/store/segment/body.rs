//! Measures a batch's buffers against its body, before Arrow trusts them.
//!
//! After this check every length that the decoder allocates or slices by lies inside the body, and
//! every column has as many values as the batch has rows. Only flat, uncompressed columns pass: they
//! are all that a studio writes, and anything deeper would need this check to be as deep.

use datafusion::arrow::{
    buffer::Buffer,
    datatypes::{DataType, Schema},
    ipc::{Buffer as IpcBuffer, FieldNode, RecordBatch as IpcBatch},
    util::bit_util,
};

/// Whether a column is one validity bitmap and one or two plain buffers.
pub(crate) fn is_flat(data_type: &DataType) -> bool {
    data_type.is_primitive() || *data_type == DataType::Boolean || offset_width(data_type).is_some()
}

fn offset_width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Utf8 | DataType::Binary => Some(4),
        DataType::LargeUtf8 | DataType::LargeBinary => Some(8),
        _ => None,
    }
}

pub(crate) fn check_body(schema: &Schema, batch: &IpcBatch, body: &Buffer) -> Result<(), String> {
    if batch.compression().is_some() {
        return Err("the batch is compressed, which no studio does".to_owned());
    }
    if batch.variadicBufferCounts().is_some_and(|counts| !counts.is_empty()) {
        return Err("the batch announces view buffers, which no column has".to_owned());
    }
    let rows = batch.length();
    let mut nodes = batch.nodes().unwrap_or_default().iter();
    let mut buffers = batch.buffers().unwrap_or_default().iter();
    for field in schema.fields() {
        let mut column = || -> Result<(), String> {
            let node = nodes.next().ok_or("has no length")?;
            let rows = check_node(node, rows)?;
            let mut buffer = || slice(body, buffers.next());
            check_validity(node, rows, buffer()?)?;
            check_values(field.data_type(), rows, buffer()?)?;
            if offset_width(field.data_type()).is_some() {
                buffer()?;
            }
            Ok(())
        };
        column().map_err(|reason| format!("column `{}` {reason}", field.name()))?;
    }
    if nodes.next().is_some() || buffers.next().is_some() {
        return Err("the batch has more parts than its schema".to_owned());
    }
    Ok(())
}

fn check_node(node: &FieldNode, rows: i64) -> Result<usize, String> {
    if node.length() != rows || !(0..=rows).contains(&node.null_count()) {
        let (length, nulls) = (node.length(), node.null_count());
        return Err(format!("claims {length} values and {nulls} nulls in a batch of {rows} rows"));
    }
    usize::try_from(rows).map_err(|err| format!("claims {rows} rows: {err}"))
}

fn slice<'a>(body: &'a Buffer, buffer: Option<&IpcBuffer>) -> Result<&'a [u8], String> {
    let buffer = buffer.ok_or("lacks a buffer")?;
    let (offset, length) = (buffer.offset(), buffer.length());
    let range = usize::try_from(offset).ok().zip(usize::try_from(length).ok());
    let bytes = range.and_then(|(offset, length)| body.get(offset..offset.checked_add(length)?));
    bytes.ok_or_else(|| format!("claims {length} bytes at {offset} of a body of {}", body.len()))
}

/// Arrow ignores the bitmap of a column that claims no null, so a damaged count would turn nulls into values.
fn check_validity(node: &FieldNode, rows: usize, bitmap: &[u8]) -> Result<(), String> {
    if bitmap.is_empty() && node.null_count() == 0 {
        return Ok(());
    }
    if bitmap.len() < rows.div_ceil(8) {
        return Err(format!("has a bitmap of {} bytes for {rows} rows", bitmap.len()));
    }
    let nulls = (0..rows).filter(|row| !bit_util::get_bit(bitmap, *row)).count();
    if i64::try_from(nulls) != Ok(node.null_count()) {
        return Err(format!("claims {} nulls, its bitmap has {nulls}", node.null_count()));
    }
    Ok(())
}

fn check_values(data_type: &DataType, rows: usize, values: &[u8]) -> Result<(), String> {
    let needed = match (offset_width(data_type), data_type.primitive_width()) {
        (Some(_), _) if rows == 0 => Some(0),
        (Some(width), _) => rows.checked_add(1).and_then(|offsets| offsets.checked_mul(width)),
        (None, Some(width)) => rows.checked_mul(width),
        (None, None) => Some(rows.div_ceil(8)),
    };
    match needed {
        Some(needed) if needed <= values.len() => Ok(()),
        _ => Err(format!("has {} bytes for {rows} values of {data_type}", values.len())),
    }
}
