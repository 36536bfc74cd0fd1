//! The manifest of a replay: what was sent again, how it was changed, and how it went.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{
    manifest::{Timestamp, write_json},
    results::Results,
};
use crate::base::{problem::Problem, regular};

const VERSION: u32 = 3;

/// Without a header, services and parents in its `expected.bin`; still judged.
const VERSION_WITHOUT_SERVICES: u32 = 2;

/// `manifest.json` of a replay. Written when it begins, and again, with its results, when it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReplayManifest {
    pub(crate) version: u32,
    pub(crate) kind: Kind,
    pub(crate) run_id: String,
    pub(crate) created_at: Timestamp,
    pub(crate) source: SourceNote,
    pub(crate) options: Options,
    /// Chooses the fresh ids, in hexadecimal digits; absent where ids were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id_key: Option<String>,
    /// Added to every time of the first loop, in nanoseconds.
    pub(crate) shift_nanos: i64,
    /// Added once more with each further loop.
    #[serde(default)]
    pub(crate) loop_shift_nanos: i64,
    /// Spans of all loops.
    pub(crate) spans: u64,
    /// In the order of their numbers in `expected.bin`; written before the first record that has the number.
    pub(crate) services: Vec<String>,
    pub(crate) endpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Absent when the replay did not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) results: Option<Results>,
}

/// Tells the manifest of a replay from that of generated traffic, which has no such field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Replay,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceNote {
    pub(crate) path: PathBuf,
    pub(crate) kind: String,
    pub(crate) files: u64,
    /// xxh3-128 over the files' names and bytes.
    pub(crate) digest: String,
}

/// What to send of a source and how to change it. The same options on the same source give the same
/// spans in the same order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    /// `max`, a factor as `10x`, or spans per second as `200/s`.
    pub(crate) pace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_gap_seconds: Option<f64>,
    pub(crate) loops: u64,
    pub(crate) keep_duplicates: bool,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) services: BTreeSet<String>,
    /// Trace ids in lower-case hexadecimal digits.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) traces: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<String>,
    /// A share of the traces, up to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sample: Option<f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) rename: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) scrub: BTreeSet<String>,
    /// Regular expressions of texts that do not travel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) scrub_text: Vec<String>,
}

impl ReplayManifest {
    pub(crate) const VERSION: u32 = VERSION;

    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let text = regular::read(path).with_context(|| format!("cannot read manifest `{shown}`"))?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|err| {
            let hint = "restore the run's folder, or remove it";
            Problem::new(format!("`{shown}` is not a replay's manifest"), hint).caused_by(err)
        })?;
        if ![VERSION_WITHOUT_SERVICES, VERSION].contains(&manifest.version) {
            let what = format!(
                "`{shown}` is a replay's manifest of version {}; this binary knows {VERSION_WITHOUT_SERVICES} and {VERSION}",
                manifest.version
            );
            return Err(Problem::new(what, "use the e2e-store that made it").into());
        }
        Ok(manifest)
    }

    /// Whether its `expected.bin` is of the first version.
    pub(crate) fn is_v2(&self) -> bool {
        self.version == VERSION_WITHOUT_SERVICES
    }

    /// Whether spans were sent under the ids that they had: other rows may have the same.
    pub(crate) fn keeps_ids(&self) -> bool {
        self.id_key.is_none()
    }

    /// Spans that were to be sent.
    pub(crate) fn planned(&self) -> u64 {
        self.results.as_ref().and_then(|results| results.planned).unwrap_or(self.spans)
    }

    /// Replaces the file as a whole, so that no reader ever sees half of it.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        write_json(path, self)
    }
}

/// Whether a manifest says that it is a replay's.
pub(crate) fn is_replay(path: &Path) -> bool {
    #[derive(Deserialize)]
    struct Peek {
        kind: Option<Kind>,
    }
    let text = regular::read(path).unwrap_or_default();
    serde_json::from_slice::<Peek>(&text).is_ok_and(|peek| peek.kind == Some(Kind::Replay))
}
