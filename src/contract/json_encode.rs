//! JSON text of stored attributes, written as OTLP values while it is read.
//!
//! No tree is built: each value goes to where it is sent from. Ints that OTLP cannot carry become doubles.

use prost::encoding::WireType;

use super::{
    json_reader::{JsonError, JsonReader, Number},
    protobuf::{close, field_len, key, open, write_bytes, write_head, write_varint},
};

/// Messages inside each other that prost decodes, from the request on.
const MAX_MESSAGES: usize = 100;

/// Those around the value of an attribute, by the tag of its list: of a resource, a span, an event or a link.
fn around(tag: u8) -> usize {
    match tag {
        1 => 4,
        9 => 5,
        _ => 6,
    }
}

impl JsonReader<'_> {
    /// Writes an object as `KeyValue` fields of this tag.
    pub(super) fn attributes(&mut self, tag: u8, out: &mut Vec<u8>) -> Result<(), JsonError> {
        self.object(|reader, name| reader.key_value(tag, name, around(tag), out))
    }

    fn key_value(&mut self, tag: u8, name: &str, depth: usize, out: &mut Vec<u8>) -> Result<(), JsonError> {
        if self.peek() == Some(b'"') {
            let text = self.string()?;
            let value_len = field_len(text.len());
            write_head(tag, field_len(name.len()) + field_len(value_len), out);
            write_bytes(1, name.as_bytes(), out);
            write_head(2, value_len, out);
            write_bytes(1, text.as_bytes(), out);
            return Ok(());
        }
        let pair = open(tag, 1, out);
        write_bytes(1, name.as_bytes(), out);
        let value = open(2, 1, out);
        self.any_value(depth, out)?;
        close(value, out);
        close(pair, out);
        Ok(())
    }

    /// Writes the fields of one `AnyValue`.
    fn any_value(&mut self, depth: usize, out: &mut Vec<u8>) -> Result<(), JsonError> {
        if depth > MAX_MESSAGES {
            return Err(JsonError::TooDeep);
        }
        match self.peek().ok_or(JsonError::Syntax)? {
            b'"' => write_bytes(1, self.string()?.as_bytes(), out),
            b't' => {
                self.word("true")?;
                out.extend_from_slice(&[key(2, WireType::Varint), 1]);
            }
            b'f' => {
                self.word("false")?;
                out.extend_from_slice(&[key(2, WireType::Varint), 0]);
            }
            b'n' => self.null()?,
            b'[' => {
                let array = open(5, 1, out);
                self.array(|reader| {
                    let item = open(1, 1, out);
                    reader.any_value(depth + 2, out)?;
                    close(item, out);
                    Ok(())
                })?;
                close(array, out);
            }
            b'{' => {
                let list = open(6, 1, out);
                self.object(|reader, name| reader.key_value(1, name, depth + 3, out))?;
                close(list, out);
            }
            _ => self.number_value(out)?,
        }
        Ok(())
    }

    fn number_value(&mut self, out: &mut Vec<u8>) -> Result<(), JsonError> {
        let (Number::Int(text) | Number::Float(text)) = self.number()?;
        if let Ok(int) = text.parse::<i64>()
            && text != "-0"
        {
            out.push(key(3, WireType::Varint));
            write_varint(int.cast_unsigned(), out);
            return Ok(());
        }
        let double: f64 = text.parse().map_err(|_| JsonError::Syntax)?;
        if !double.is_finite() {
            return Err(JsonError::Syntax);
        }
        self.canonical &= ryu::Buffer::new().format_finite(double) == text;
        out.push(key(4, WireType::SixtyFourBit));
        out.extend_from_slice(&double.to_le_bytes());
        Ok(())
    }
}
