//! The lines of a ledger.

use serde::{Deserialize, Serialize};

use super::chaos::Nemesis;
use crate::wire::outcome::ExportOutcome;

/// One line of `ledger.ndjson`. Times are Unix nanoseconds by the generator's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// Written before the call: `count` spans of a stream from the ordinal `first` on.
    ExportStarted { export: u64, stream: u32, first: u64, count: u32, at: u64 },
    /// Written before each further call with the same spans: how the attempt before ended, and the number of
    /// the one that begins, from 2 on.
    ExportRetried {
        export: u64,
        attempt: u32,
        at: u64,
        #[serde(flatten)]
        outcome: ExportOutcome,
    },
    /// Written after the last call, with its outcome.
    ExportEnded {
        export: u64,
        at: u64,
        #[serde(flatten)]
        outcome: ExportOutcome,
    },
    /// A stream goes on over a further connection.
    Reconnected { stream: u32, at: u64 },
    /// A call of the studio's internal service.
    Called {
        rpc: Rpc,
        began: u64,
        ended: u64,
        success: bool,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        error: String,
    },
    /// The studio was started, answered its first call, or ended. `generation` counts its starts from 1 on.
    Studio {
        generation: u32,
        state: StudioState,
        at: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
    },
    /// Written before a fault: its place in the manifest's schedule.
    FaultBegan { step: u32, nemesis: Nemesis, at: u64 },
    /// Written after it; `tried` is false where it could not be carried out, as the note says.
    FaultEnded {
        step: u32,
        at: u64,
        tried: bool,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
    },
}

/// The two lines of which a ledger has one each for every export, as they are read.
#[derive(Debug, Deserialize)]
struct Started {
    export: u64,
    stream: u32,
    first: u64,
    count: u32,
    at: u64,
}

#[derive(Debug, Deserialize)]
struct Acked {
    export: u64,
    at: u64,
    outcome: AckedOutcome,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AckedOutcome {
    Acked,
}

impl Entry {
    /// Reads a line. The common ones, as this tool writes them, cost a fraction of the others, whose kind stands
    /// anywhere in them.
    pub(crate) fn parse(line: &[u8]) -> serde_json::Result<Self> {
        if line.starts_with(br#"{"event":"export_started","#)
            && let Ok(Started { export, stream, first, count, at }) = serde_json::from_slice(line)
        {
            return Ok(Self::ExportStarted { export, stream, first, count, at });
        }
        if line.starts_with(br#"{"event":"export_ended","#)
            && let Ok(Acked { export, at, outcome: AckedOutcome::Acked }) = serde_json::from_slice(line)
        {
            return Ok(Self::ExportEnded { export, at, outcome: ExportOutcome::Acked });
        }
        serde_json::from_slice(line)
    }
}

/// What becomes of a studio's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StudioState {
    Started,
    Ready,
    Ended,
}

/// An RPC of the internal service by its name in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Rpc {
    #[serde(rename = "FlushWAL")]
    FlushWal,
    PrepareHotSnapshot,
}

impl std::fmt::Display for Rpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::outcome::GrpcCode;

    #[test]
    fn a_line_says_what_happened_in_plain_words() {
        let line = |entry: Entry| serde_json::to_string(&entry).expect("entries are plain data");
        insta::assert_snapshot!(
            line(Entry::ExportStarted { export: 7, stream: 2, first: 35, count: 5, at: 1_795_346_058_602_184_438 }),
            @r#"{"event":"export_started","export":7,"stream":2,"first":35,"count":5,"at":1795346058602184438}"#
        );
        let outcome = ExportOutcome::Indeterminate { code: GrpcCode::DeadlineExceeded };
        insta::assert_snapshot!(
            line(Entry::ExportRetried { export: 7, attempt: 2, at: 1, outcome }),
            @r#"{"event":"export_retried","export":7,"attempt":2,"at":1,"outcome":"indeterminate","code":"DEADLINE_EXCEEDED"}"#
        );
        insta::assert_snapshot!(
            line(Entry::Reconnected { stream: 2, at: 1 }),
            @r#"{"event":"reconnected","stream":2,"at":1}"#
        );
        insta::assert_snapshot!(
            line(Entry::ExportEnded { export: 7, at: 1, outcome: ExportOutcome::Rejected { code: GrpcCode::ResourceExhausted } }),
            @r#"{"event":"export_ended","export":7,"at":1,"outcome":"rejected","code":"RESOURCE_EXHAUSTED"}"#
        );
        insta::assert_snapshot!(
            line(Entry::Called { rpc: Rpc::FlushWal, began: 1, ended: 2, success: true, error: String::new() }),
            @r#"{"event":"called","rpc":"FlushWAL","began":1,"ended":2,"success":true}"#
        );
        let state = StudioState::Started;
        insta::assert_snapshot!(
            line(Entry::Studio { generation: 2, state, at: 1, pid: Some(77), note: String::new() }),
            @r#"{"event":"studio","generation":2,"state":"started","at":1,"pid":77}"#
        );
        insta::assert_snapshot!(
            line(Entry::FaultBegan { step: 0, nemesis: Nemesis::Sigterm, at: 1 }),
            @r#"{"event":"fault_began","step":0,"nemesis":"sigterm","at":1}"#
        );
        insta::assert_snapshot!(
            line(Entry::FaultEnded { step: 0, at: 2, tried: true, note: String::new() }),
            @r#"{"event":"fault_ended","step":0,"at":2,"tried":true}"#
        );
    }
}
