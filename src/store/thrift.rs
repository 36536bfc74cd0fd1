//! A bounded reader of Thrift's compact protocol, in which Parquet writes its footers and page headers.
//!
//! The parquet crate reserves memory by the counts that it finds there, so that one flipped bit could
//! ask for gigabytes and abort the process. Reading the same bytes here first, where a count can never
//! exceed the bytes that carry it, refuses them with a sentence instead.

use self::shape::Shape;

pub(crate) mod shape;

/// Deeper than any Parquet structure.
const MAX_DEPTH: u8 = 24;

/// A value whose size is bounded by the bytes that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A varint.
    Int(i64),
    /// What follows is skipped: nobody asks for the values, only for their kinds.
    Flag,
    Byte,
    Double,
    Bytes,
    /// Bytes and truths of a structure that is read with its contents.
    Content(Vec<u8>),
    Truth(bool),
    Other,
    List(Vec<Value>),
    Struct(Vec<(i16, Value)>),
}

impl Value {
    pub(crate) fn field(&self, id: i16) -> Option<&Self> {
        let Self::Struct(fields) = self else {
            return None;
        };
        fields.iter().find(|(found, _)| *found == id).map(|(_, value)| value)
    }

    pub(crate) fn int(&self, id: i16) -> Option<i64> {
        match self.field(id)? {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }
}

/// Why bytes are not a Thrift structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it ends in the middle of a value")]
    Short,
    #[error("a count exceeds the bytes that are left")]
    Count,
    #[error("an unknown kind of value")]
    Kind,
    #[error("a number is too long")]
    Number,
    #[error("it is nested too deeply")]
    Depth,
    #[error("a field comes twice")]
    Twice,
    #[error("a field is of the wrong kind")]
    Shape,
}

/// Reads one structure of the given shape from the front of `bytes`; answers it and its length.
pub(crate) fn read_struct(bytes: &[u8], shape: &Shape) -> Result<(Value, usize), Malformed> {
    let mut reader = Reader { rest: bytes, keeps_contents: false };
    let value = reader.structure(0)?;
    if shape.fits(&value) { Ok((value, bytes.len() - reader.rest.len())) } else { Err(Malformed::Shape) }
}

/// Reads one structure with the contents of its bytes and with the truths of its lists.
pub(crate) fn read_contents(bytes: &[u8]) -> Result<Value, Malformed> {
    Reader { rest: bytes, keeps_contents: true }.structure(0)
}

struct Reader<'a> {
    rest: &'a [u8],
    keeps_contents: bool,
}

impl Reader<'_> {
    fn structure(&mut self, depth: u8) -> Result<Value, Malformed> {
        let mut fields = Vec::new();
        let mut id = 0_i16;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Ok(Value::Struct(fields));
            }
            id = match header >> 4 {
                0 => i16::try_from(self.zigzag()?).map_err(|_| Malformed::Number)?,
                delta => id.checked_add(i16::from(delta)).ok_or(Malformed::Number)?,
            };
            let kind = header & 0x0f;
            // A boolean field's value is its kind; only in a list it has a byte of its own.
            let value = if matches!(kind, 1 | 2) { Value::Flag } else { self.value(kind, depth)? };
            // Which of two counts holds is not for us to guess.
            if fields.iter().any(|(known, _)| *known == id) {
                return Err(Malformed::Twice);
            }
            fields.push((id, value));
        }
    }

    fn value(&mut self, kind: u8, depth: u8) -> Result<Value, Malformed> {
        match kind {
            1 | 2 if self.keeps_contents => self.byte().map(|byte| Value::Truth(byte == 1)),
            1 | 2 => self.skip(1, Value::Flag),
            3 => self.skip(1, Value::Byte),
            4..=6 => self.zigzag().map(Value::Int),
            7 => self.skip(8, Value::Double),
            8 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Count)?;
                let content = self.rest.get(..length).filter(|_| self.keeps_contents);
                let value = content.map_or(Value::Bytes, |bytes| Value::Content(bytes.to_vec()));
                self.skip(length, value)
            }
            9 | 10 => self.list(deeper(depth)?),
            11 => self.map(deeper(depth)?),
            12 => self.structure(deeper(depth)?),
            13 => self.skip(16, Value::Other),
            _ => Err(Malformed::Kind),
        }
    }

    fn list(&mut self, depth: u8) -> Result<Value, Malformed> {
        let header = self.byte()?;
        let count = match header >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        let count = self.count(count)?;
        let items = (0..count).map(|_| self.value(header & 0x0f, depth)).collect::<Result<_, _>>()?;
        Ok(Value::List(items))
    }

    fn map(&mut self, depth: u8) -> Result<Value, Malformed> {
        let count = self.varint()?;
        let count = self.count(count)?;
        if count > 0 {
            let kinds = self.byte()?;
            for _ in 0..count {
                self.value(kinds >> 4, depth)?;
                self.value(kinds & 0x0f, depth)?;
            }
        }
        Ok(Value::Other)
    }

    /// Every item takes a byte at least.
    fn count(&self, count: u64) -> Result<usize, Malformed> {
        usize::try_from(count).ok().filter(|count| *count <= self.rest.len()).ok_or(Malformed::Count)
    }

    fn zigzag(&mut self) -> Result<i64, Malformed> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::Number)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.rest.split_first().ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn skip(&mut self, length: usize, kind: Value) -> Result<Value, Malformed> {
        self.rest = self.rest.get(length..).ok_or(Malformed::Short)?;
        Ok(kind)
    }
}

fn deeper(depth: u8) -> Result<u8, Malformed> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(Malformed::Depth) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lists_and_negative_numbers_are_read() {
        // {1: -3, 3: [5, 64], 4: {}}
        let bytes = [0x15, 0x05, 0x29, 0x25, 0x0a, 0x80, 0x01, 0x1c, 0x00, 0x00, 0xee];
        let (value, length) = read_struct(&bytes, &Shape::Struct(&[])).unwrap();
        assert_eq!((value.int(1), length), (Some(-3), 10));
        assert_eq!(value.field(3).unwrap().items(), [Value::Int(5), Value::Int(64)]);
        assert_eq!(value.field(4), Some(&Value::Struct(vec![])));
    }

    #[test]
    fn a_field_of_another_kind_is_refused() {
        // {1: -3} and {1: -3, 1: 0}
        let number = Shape::Struct(&[(1, Shape::Int)]);
        let text = Shape::Struct(&[(1, Shape::Bytes)]);
        assert!(read_struct(&[0x15, 0x05, 0x00], &number).is_ok());
        assert_eq!(read_struct(&[0x15, 0x05, 0x00], &text), Err(Malformed::Shape));
        assert_eq!(read_struct(&[0x15, 0x05, 0x05, 0x02, 0x00, 0x00], &number), Err(Malformed::Twice));
    }

    #[test]
    fn a_count_beyond_the_bytes_is_refused() {
        assert_eq!(
            read_struct(&[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07], &Shape::Struct(&[])),
            Err(Malformed::Count)
        );
        assert_eq!(
            read_struct(&[0x18, 0xff, 0xff, 0xff, 0xff, 0x0f], &Shape::Struct(&[])),
            Err(Malformed::Short)
        );
        assert_eq!(read_struct(&[0x1c; 64], &Shape::Struct(&[])), Err(Malformed::Depth));
        assert_eq!(read_struct(&[], &Shape::Struct(&[])), Err(Malformed::Short));
    }
}
