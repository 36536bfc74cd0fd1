//! The frames of an IPC stream, cut out with bounds checks.
//!
//! Each message is a continuation marker, the length of its metadata, the metadata (a flatbuffer that
//! is verified here) and a body whose length the metadata tells. A length of zero ends the stream.
//! Knows nothing of what a body holds.

use datafusion::arrow::{
    buffer::Buffer,
    ipc::{Message, root_as_message},
};

const MARKER: [u8; 4] = [0xff; 4];
const PREFIX: usize = 8;

/// One message and its body.
pub(crate) struct Frame {
    /// Owned, so that the flatbuffer is aligned wherever it lay in the file.
    metadata: Vec<u8>,
    pub(crate) body: Buffer,
}

impl Frame {
    pub(crate) fn message(&self) -> Result<Message<'_>, String> {
        parse(&self.metadata)
    }
}

fn parse(metadata: &[u8]) -> Result<Message<'_>, String> {
    root_as_message(metadata).map_err(|err| {
        let text = err.to_string();
        format!("the message's metadata is damaged: {}", text.lines().next().unwrap_or_default().trim_end())
    })
}

/// A walk over the frames of a file.
pub(crate) struct Frames<'a> {
    file: &'a Buffer,
    offset: usize,
    ended: bool,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(file: &'a Buffer) -> Self {
        Self { file, offset: 0, ended: false }
    }

    /// Where the next message begins.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// Whether the end-of-stream marker was seen.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// The next message; none at the end marker, and where the file ends between two messages.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, String> {
        let rest = &self.file[self.offset..];
        if rest.is_empty() {
            return Ok(None);
        }
        if self.ended {
            return Err(format!("{} bytes after the end of the stream", rest.len()));
        }
        let Some((prefix, rest)) = rest.split_at_checked(PREFIX) else {
            return Err(format!("the file ends {} bytes into a message", rest.len()));
        };
        let (marker, length) = prefix.split_at(MARKER.len());
        if marker != MARKER {
            return Err("no message begins here".to_owned());
        }
        let length = i32::from_le_bytes([length[0], length[1], length[2], length[3]]);
        if length == 0 {
            self.ended = true;
            self.offset += PREFIX;
            return self.next_frame();
        }
        let metadata = take(rest, i64::from(length), "metadata")?;
        let message = parse(metadata)?;
        let body = take(&rest[metadata.len()..], message.bodyLength(), "a body")?;

        let body_at = self.offset + PREFIX + metadata.len();
        let frame =
            Frame { metadata: metadata.to_vec(), body: self.file.slice_with_length(body_at, body.len()) };
        self.offset = body_at + body.len();
        Ok(Some(frame))
    }
}

fn take<'a>(rest: &'a [u8], length: i64, what: &str) -> Result<&'a [u8], String> {
    let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    taken.ok_or_else(|| format!("the message claims {length} bytes of {what}, {} are left", rest.len()))
}
