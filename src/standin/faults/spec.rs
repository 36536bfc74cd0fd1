//! Faults as they are typed: `NAME`, `NAME=RATE`, `NAME@N` or `NAME@TIME`.

use std::{fmt, str::FromStr, time::Duration};

use super::catalogue::{Fault, catalogue};
use crate::base::duration;

/// A fault, and when it strikes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FaultSpec {
    pub(crate) fault: &'static Fault,
    pub(crate) trigger: Trigger,
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Trigger {
    /// At each opportunity, with this probability.
    Rate(f64),
    /// At one opportunity, counted from 1.
    Nth(u64),
    /// Once, at the first opportunity after this time.
    After(Duration),
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum InvalidFault {
    #[error("unknown fault `{0}`: `e2e-store faults` lists them")]
    Unknown(String),
    #[error("invalid rate `{0}`: expected a number above 0, at most 1")]
    Rate(String),
    #[error("invalid trigger `{0}`: expected a number from 1, or a time such as `5s`")]
    Trigger(String),
}

impl FromStr for FaultSpec {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        let name = text.split(['=', '@']).next().unwrap_or_default();
        let fault = catalogue().iter().find(|fault| fault.name == name);
        let fault = fault.ok_or_else(|| InvalidFault::Unknown(name.to_owned()))?;
        let trigger = match text[name.len()..].split_at_checked(1) {
            Some(("=", rate)) => Trigger::of_rate(rate)?,
            Some((_, at)) => Trigger::of_place(at)?,
            None => fault.trigger,
        };
        Ok(Self { fault, trigger })
    }
}

impl Trigger {
    fn of_rate(text: &str) -> Result<Self, InvalidFault> {
        let rate: Option<f64> = text.parse().ok().filter(|rate| *rate > 0.0 && *rate <= 1.0);
        rate.map(Self::Rate).ok_or_else(|| InvalidFault::Rate(text.to_owned()))
    }

    fn of_place(text: &str) -> Result<Self, InvalidFault> {
        let number = text.parse().ok().filter(|number| *number > 0).map(Self::Nth);
        let time = || duration::parse(text).ok().map(Self::After);
        number.or_else(time).ok_or_else(|| InvalidFault::Trigger(text.to_owned()))
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(rate) => write!(f, "={rate}"),
            Self::Nth(number) => write!(f, "@{number}"),
            Self::After(time) => write!(f, "@{time:?}"),
        }
    }
}

impl fmt::Display for FaultSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.fault.name, self.trigger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_typed_with_its_rate_or_its_place() {
        for (text, typed) in [
            ("drop-span", "drop-span=0.01"),
            ("drop-span=0.5", "drop-span=0.5"),
            ("drop-span=1", "drop-span=1"),
            ("restart@7", "restart@7"),
            ("restart@1m30s", "restart@90s"),
            ("tear-segment", "tear-segment@1"),
        ] {
            assert_eq!(text.parse::<FaultSpec>().unwrap().to_string(), typed);
        }
    }

    #[test]
    fn what_is_no_fault_is_refused_with_what_to_type() {
        let refused = |text: &str| text.parse::<FaultSpec>().unwrap_err().to_string();
        assert_eq!(refused("drop"), "unknown fault `drop`: `e2e-store faults` lists them");
        assert_eq!(refused(""), "unknown fault ``: `e2e-store faults` lists them");
        for rate in ["0", "1.1", "-1", "NaN", ""] {
            let expected = format!("invalid rate `{rate}`: expected a number above 0, at most 1");
            assert_eq!(refused(&format!("drop-span={rate}")), expected);
        }
        for place in ["0", "-1", "soon", ""] {
            let expected =
                format!("invalid trigger `{place}`: expected a number from 1, or a time such as `5s`");
            assert_eq!(refused(&format!("drop-span@{place}")), expected);
        }
    }
}
