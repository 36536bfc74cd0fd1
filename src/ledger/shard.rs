//! Parts of a plan that are sent from different places.
//!
//! A shard is a range of every stream, so shards share no span, and an export lies in one of them.

use std::{fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::traffic::plan::Plan;

/// More places than anybody sends from, and few enough to name.
const MAX_SHARDS: u32 = 1_000;

/// A part of a plan that is sent from one place: the `index`-th of `of`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Shard {
    pub(crate) index: u32,
    pub(crate) of: u32,
}

impl Shard {
    pub(crate) const WHOLE: Self = Self { index: 1, of: 1 };

    /// By stream: the shard's part of it, in ordinals.
    pub(crate) fn parts(self, plan: &Plan) -> Vec<Range<u64>> {
        (0..plan.streams()).map(|stream| self.part(plan, stream)).collect()
    }

    /// Parts end between workflows.
    fn part(self, plan: &Plan, stream: usize) -> Range<u64> {
        let workflows = u128::from(plan.workflows_of_stream(stream));
        let cut = |index: u32| {
            let workflow = workflows * u128::from(index) / u128::from(self.of);
            plan.ordinal_of(stream, workflow as u64)
        };
        cut(self.index - 1)..cut(self.index)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no shard: the third of eight is `3/8`, and there are at most {MAX_SHARDS}")]
pub(crate) struct InvalidShard(String);

impl FromStr for Shard {
    type Err = InvalidShard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((index, of)) if of <= MAX_SHARDS && (1..=of).contains(&index) => Ok(Self { index, of }),
            _ => Err(InvalidShard(text.to_owned())),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl TryFrom<String> for Shard {
    type Error = InvalidShard;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_read_as_it_is_shown() {
        assert_eq!("3/8".parse(), Ok(Shard { index: 3, of: 8 }));
        assert_eq!(Shard { index: 3, of: 8 }.to_string(), "3/8");
        for text in ["", "3", "0/8", "9/8", "1/0", "a/b", "1/1001"] {
            let refused = text.parse::<Shard>().unwrap_err().to_string();
            assert_eq!(
                refused,
                format!("`{text}` is no shard: the third of eight is `3/8`, and there are at most 1000")
            );
        }
    }
}
