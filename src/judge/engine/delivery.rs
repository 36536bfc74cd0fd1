//! What came of one file so far, and whether it is all.

use super::{FileSummary, Message, MessageKind, Outcome, receipt::Receipt};

/// The messages of one file.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    parts: Vec<Vec<u8>>,
    index_keys: Option<Vec<u8>>,
    received: Receipt,
}

/// A file of which all has come.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) summary: FileSummary,
    pub(crate) parts: Vec<Vec<u8>>,
    pub(crate) index_keys: Option<Vec<u8>>,
}

/// What a file's end makes of it.
#[derive(Debug)]
pub(crate) enum Ended {
    Delivered(Delivered),
    /// The coordinator is to read it, for this reason.
    Declined(String),
    /// What came is not what was sent.
    Wrong(String),
}

impl Delivery {
    /// Takes a message; tells what became of the file with its last.
    pub(crate) fn add(&mut self, message: Message) -> Option<Ended> {
        if message.kind == MessageKind::End {
            return Some(std::mem::take(self).end(&message.body));
        }
        self.received.add(message.kind, &message.body);
        match message.kind {
            MessageKind::Part => self.parts.push(message.body),
            MessageKind::IndexKeys => self.index_keys = Some(message.body),
            MessageKind::End => {}
        }
        None
    }

    fn end(self, body: &[u8]) -> Ended {
        let Self { parts, index_keys, received } = self;
        match serde_json::from_slice(body) {
            Ok(Outcome::Declined(reason)) => Ended::Declined(reason),
            Ok(Outcome::Judged(summary)) if summary.receipt == received => {
                Ended::Delivered(Delivered { summary, parts, index_keys })
            }
            Ok(Outcome::Judged(summary)) => Ended::Wrong(format!(
                "{} messages were sent of it, and {} came, or others",
                summary.receipt.messages, received.messages
            )),
            Err(err) => Ended::Wrong(format!("its last message is none: {err}")),
        }
    }
}
