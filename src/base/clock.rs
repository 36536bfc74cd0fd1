//! The wall clock, as ledgers and judgements record it, and moments as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, NaiveTime};

/// Now, in Unix nanoseconds.
pub(crate) fn unix_nanos() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// A day or a moment in UTC, in Unix nanoseconds.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let moment = day.or_else(|_| DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc()));
    let nanos = moment.ok().and_then(|moment| moment.timestamp_nanos_opt());
    nanos.ok_or_else(|| "write `2026-11-25` or `2026-11-25T08:00:00Z`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(moment("1970-01-02"), Ok(86_400_000_000_000));
        assert_eq!(moment("1970-01-01T01:00:00.5+01:00"), Ok(500_000_000));
        assert_eq!(moment("tomorrow").unwrap_err(), "write `2026-11-25` or `2026-11-25T08:00:00Z`");
    }
}
