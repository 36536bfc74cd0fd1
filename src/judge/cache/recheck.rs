//! The remembered files that are read again all the same.

use std::str::FromStr;

use twox_hash::XxHash3_128;

/// A share of all files, from 0 to 100 percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share(f64);

impl Share {
    pub(crate) fn percent(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent: Option<f64> = text.strip_suffix('%').unwrap_or(text).trim_end().parse().ok();
        let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
        percent.map(Self).ok_or_else(|| format!("invalid percentage `{text}`: expected e.g. `5%`"))
    }
}

/// A share, and what it is drawn by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recheck {
    pub(crate) share: Share,
    pub(crate) seed: u64,
}

impl Recheck {
    /// Whether a file is of the share: by its name, whichever others there are.
    pub(super) fn takes(self, file: &str) -> bool {
        let drawn = (XxHash3_128::oneshot_with_seed(self.seed, file.as_bytes()) >> 64) as u64;
        // 53 bits are a fraction exactly.
        ((drawn >> 11) as f64) / ((1_u64 << 53) as f64) < self.share.0 / 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_drawn_by_its_seed() {
        let share = |text: &str| text.parse::<Share>();
        let taken = |text: &str, seed| {
            let recheck = Recheck { share: share(text).unwrap(), seed };
            (0..10_000).filter(|file| recheck.takes(&format!("{file}.parquet"))).collect::<Vec<_>>()
        };
        assert_eq!((taken("0", 1).len(), taken("100%", 1).len()), (0, 10_000));
        assert!((400..600).contains(&taken("5%", 1).len()));
        assert_eq!(taken("0.5 %", 3), taken("0.5%", 3));
        assert_ne!(taken("5%", 1), taken("5%", 2));
        for text in ["", "%", "-1", "101%", "nan", "5%%"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
