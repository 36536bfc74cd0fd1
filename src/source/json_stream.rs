//! Cuts a text into the JSON objects of its outermost level.
//!
//! One object on each line, as collectors write them; documents over many lines, one after the other; the elements
//! of an array. What is neither is passed over line by line and told, so that a comment, or half an object whose
//! writer was killed, hides nothing that follows.

use std::io::{self, BufRead};

use crate::contract::json::plain_run;

/// A line that begins so, and goes on with one of [`SIGNALS`], begins a request, whatever is open.
const BEGINNING: &[u8] = b"{\"resource";

/// Of `resourceSpans`, `resourceLogs`, `resourceMetrics`, `resourceProfiles` and their other spelling; no key inside a
/// request goes on so.
const SIGNALS: &[u8] = b"SLMP_";

/// Bytes that tell.
const TELLING: usize = BEGINNING.len() + 1;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes of a line that is no JSON that are kept, to tell what it is.
const KEPT: usize = 512;

/// What was met next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// An object as far as brackets tell.
    Object(Vec<u8>),
    /// A line that begins no object; its first bytes.
    Line(Vec<u8>),
    /// A line that begins with `#` or `//`.
    Comment,
    /// The object is longer than may be held; nothing after it can be told apart.
    TooLong,
    /// The object was not ended, and where it stopped another thing begins.
    Half,
    /// So many bytes of zeros, at the end or between objects: a disk that was not written.
    Zeros(u64),
    /// The text ended within an array.
    OpenArray,
}

pub(super) struct JsonStream<R> {
    reader: R,
    /// Taken off the reader too early.
    pushed_back: Vec<u8>,
    /// The line where we are, from 1.
    line: u64,
    /// The line where what was met last began.
    pub(super) begins: u64,
    in_array: bool,
    max_bytes: u64,
    ended: bool,
}

impl<R: BufRead> JsonStream<R> {
    pub(super) fn new(reader: R, max_bytes: u64) -> Self {
        Self { reader, pushed_back: Vec::new(), line: 1, begins: 1, in_array: false, max_bytes, ended: false }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Met>> {
        let mut zeros = 0_u64;
        if self.ended {
            return Ok(None);
        }
        loop {
            let byte = self.peek()?;
            if byte != Some(0) && zeros > 0 {
                return Ok(Some(Met::Zeros(zeros)));
            }
            self.begins = self.line;
            let Some(byte) = byte else {
                return Ok(std::mem::take(&mut self.in_array).then_some(Met::OpenArray));
            };
            match byte {
                0 => {
                    self.advance()?;
                    zeros += 1;
                }
                // Also what separates the texts of a JSON sequence.
                b' ' | b'\t' | b'\r' | b'\n' | 0x1e => self.advance()?,
                b',' if self.in_array => self.advance()?,
                b'[' if !self.in_array => {
                    self.in_array = true;
                    self.advance()?;
                }
                b']' if self.in_array => {
                    self.in_array = false;
                    self.advance()?;
                }
                b'{' => return self.object().map(Some),
                first if first == BYTE_ORDER_MARK[0] && self.skip(BYTE_ORDER_MARK)? => {}
                _ => return self.line().map(Some),
            }
        }
    }

    /// The next byte, which stays.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        if let Some(byte) = self.pushed_back.first() {
            return Ok(Some(*byte));
        }
        Ok(self.reader.fill_buf()?.first().copied())
    }

    fn advance(&mut self) -> io::Result<()> {
        let byte = self.peek()?;
        self.line += u64::from(byte == Some(b'\n'));
        self.consume(1);
        Ok(())
    }

    fn consume(&mut self, count: usize) {
        if self.pushed_back.is_empty() {
            self.reader.consume(count);
        } else {
            self.pushed_back.drain(..count);
        }
    }

    /// Passes over these bytes if they come next.
    fn skip(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let mut taken = Vec::new();
        while taken.len() < bytes.len() {
            match self.peek()? {
                Some(byte) if byte == bytes[taken.len()] => {
                    self.consume(1);
                    taken.push(byte);
                }
                _ => {
                    taken.extend_from_slice(&self.pushed_back);
                    self.pushed_back = taken;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// What lies at hand, at least a byte; empty at the end.
    fn at_hand(&mut self) -> io::Result<&[u8]> {
        if self.pushed_back.is_empty() { self.reader.fill_buf() } else { Ok(&self.pushed_back) }
    }

    fn object(&mut self) -> io::Result<Met> {
        let mut scan = Scan::default();
        loop {
            let bytes = self.at_hand()?;
            if bytes.is_empty() {
                self.in_array = false;
                return Ok(Met::Half);
            }
            let (taken, stop) = scan.add(bytes);
            self.consume(taken);
            self.line += std::mem::take(&mut scan.newlines);
            if scan.text.len() as u64 > self.max_bytes {
                self.ended = true;
                return Ok(Met::TooLong);
            }
            match stop {
                None => {}
                Some(Stop::Ended) => return Ok(Met::Object(scan.text)),
                Some(Stop::Broken) => return Ok(Met::Half),
                Some(Stop::Another) => {
                    let begun = scan.text.split_off(scan.text.len() - TELLING);
                    self.pushed_back.splice(..0, begun);
                    return Ok(Met::Half);
                }
            }
        }
    }

    /// Passes over the rest of a line.
    fn line(&mut self) -> io::Result<Met> {
        let mut kept = Vec::new();
        loop {
            let bytes = self.at_hand()?;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(bytes.len(), |end| end + 1);
            kept.extend_from_slice(&bytes[..taken.min(KEPT.saturating_sub(kept.len()))]);
            let is_end = end.is_some() || taken == 0;
            self.consume(taken);
            if is_end {
                self.line += u64::from(end.is_some());
                let is_comment = kept.starts_with(b"#") || kept.starts_with(b"//");
                return Ok(if is_comment { Met::Comment } else { Met::Line(kept) });
            }
        }
    }
}

enum Stop {
    Ended,
    /// A line ended within a string.
    Broken,
    /// Another object begins.
    Another,
}

/// An object as far as it was read.
#[derive(Default)]
struct Scan {
    text: Vec<u8>,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Where the line began that is being read; none in the first.
    line_begins: Option<usize>,
    newlines: u64,
}

impl Scan {
    /// Takes bytes up to where the object ends or stops; how many, and why it went no further.
    fn add(&mut self, bytes: &[u8]) -> (usize, Option<Stop>) {
        let mut at = 0;
        while at < bytes.len() {
            if self.in_string && !self.escaped {
                let plain = plain_run(&bytes[at..]).unwrap_or(bytes.len() - at);
                let plain = self.up_to_a_beginning(plain);
                self.text.extend_from_slice(&bytes[at..at + plain]);
                at += plain;
                if self.begins_another() {
                    return (at, Some(Stop::Another));
                }
                if at == bytes.len() {
                    break;
                }
            }
            let byte = bytes[at];
            at += 1;
            self.text.push(byte);
            if let Some(stop) = self.step(byte) {
                return (at, Some(stop));
            }
        }
        (at, None)
    }

    /// So many bytes, or as many as are needed to tell whether this line begins an object.
    fn up_to_a_beginning(&self, bytes: usize) -> usize {
        let has = self.line_begins.map_or(usize::MAX, |begins| self.text.len() - begins);
        if has < TELLING { bytes.min(TELLING - has) } else { bytes }
    }

    fn begins_another(&self) -> bool {
        let line = self.line_begins.map(|begins| &self.text[begins..]).unwrap_or_default();
        line.len() == TELLING && line.starts_with(BEGINNING) && SIGNALS.contains(&line[TELLING - 1])
    }

    fn step(&mut self, byte: u8) -> Option<Stop> {
        if byte == b'\n' {
            self.newlines += 1;
            if self.in_string {
                return Some(Stop::Broken);
            }
            self.line_begins = Some(self.text.len());
            return None;
        }
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(Stop::Ended);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// What is met, with the line where it begins, whatever the size of the reader's buffer.
    fn cut(text: &[u8]) -> Vec<(u64, Met)> {
        let with_buffer = |bytes: usize| {
            let mut stream = JsonStream::new(BufReader::with_capacity(bytes, text), 100);
            let mut met = Vec::new();
            while let Some(one) = stream.next().unwrap() {
                met.push((stream.begins, one));
            }
            met
        };
        let whole = with_buffer(1 << 16);
        for bytes in 1..20 {
            assert_eq!(with_buffer(bytes), whole, "{bytes} bytes at a time");
        }
        whole
    }

    fn object(text: &str) -> Met {
        Met::Object(text.into())
    }

    #[test]
    fn lines_documents_and_arrays_are_cut_into_objects() {
        let inner = r#"{"a":"}\"","b":[{}]}"#;
        for text in [
            format!("{inner}\n{inner}"),
            format!("\u{feff}{inner}{inner}\n"),
            format!("[{inner},\r\n{inner}]"),
            format!("\n\n[{inner}][{inner}]\n"),
            format!("\u{1e}{inner}\n\u{1e}{inner}\n"),
        ] {
            let met: Vec<Met> = cut(text.as_bytes()).into_iter().map(|(_, met)| met).collect();
            assert_eq!(met, [object(inner), object(inner)], "{text}");
        }
        let pretty = "{\n\"a\": [\n{\"resource\": 1}\n]\n}";
        assert_eq!(cut(format!("{pretty}\n{pretty}").as_bytes()), [(1, object(pretty)), (6, object(pretty))]);
    }

    #[test]
    fn what_is_no_object_hides_nothing_that_follows() {
        let good = r#"{"resourceSpans":[]}"#;
        let text = format!(
            "# a comment\n// another\nstarting\n{good}\n{{\"resourceSpans\":[{{\"a\":\"cut\n{good}\n{{\"resourceSpans\":[{{\n{good}\n[{good}"
        );
        assert_eq!(
            cut(text.as_bytes()),
            [
                (1, Met::Comment),
                (2, Met::Comment),
                (3, Met::Line(b"starting\n".into())),
                (4, object(good)),
                (5, Met::Half),
                (6, object(good)),
                (7, Met::Half),
                (8, object(good)),
                (9, object(good)),
                (9, Met::OpenArray),
            ]
        );
        assert_eq!(cut(&[good.as_bytes(), &[0; 30]].concat())[1], (1, Met::Zeros(30)));
        assert_eq!(cut(b"{\"a\":")[0].1, Met::Half);
        assert_eq!(cut(&[b'{'; 200])[0].1, Met::TooLong);
        assert_eq!(cut(b""), []);
    }
}
