//! What an executor says that it sent, beside what came.

use serde::{Deserialize, Serialize};

use super::MessageKind;
use crate::contract::digest::hash;

/// Messages of one file, in whatever order they come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) messages: u64,
    /// Of the digests of their bodies, wrapping.
    sum: u64,
}

impl Receipt {
    pub(crate) fn add(&mut self, kind: MessageKind, body: &[u8]) {
        self.messages += 1;
        // A body that comes as another kind is another message.
        let digest = hash(body).wrapping_mul(2 * kind as u64 + 1);
        self.sum = self.sum.wrapping_add(digest);
    }
}
