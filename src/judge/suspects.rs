//! Files that could not be read to their end, and may hold what is absent elsewhere.

/// A file with rows that nobody saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suspect {
    pub(crate) shown: String,
    /// When the studio named it, in Unix nanoseconds; none for a foreign name.
    pub(crate) named_at: Option<i64>,
}

/// A flush names its file before it waits for the WAL, and takes in what came meanwhile.
const NAMED_EARLY: u64 = 60_000_000_000;

/// The suspect that may hold spans of an export, if any: the one named soonest after its start.
pub(crate) fn suspect_of(suspects: &[Suspect], started_at: u64) -> Option<&Suspect> {
    let could_hold = |suspect: &&Suspect| {
        suspect
            .named_at
            .is_none_or(|named| named.saturating_add_unsigned(NAMED_EARLY) >= started_at.cast_signed())
    };
    suspects.iter().filter(could_hold).min_by_key(|suspect| suspect.named_at.unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_named_long_before_an_export_cannot_hold_it() {
        let named = |shown: &str, named_at| Suspect { shown: shown.to_owned(), named_at };
        let suspects = [named("old", Some(0)), named("new", Some(1_000_000_000_000))];
        let of = |started_at| suspect_of(&suspects, started_at).map(|suspect| suspect.shown.as_str());
        assert_eq!(of(30_000_000_000), Some("old"));
        assert_eq!(of(90_000_000_000), Some("new"));
        assert_eq!(of(2_000_000_000_000), None);
        assert_eq!(suspect_of(&[named("copy", None)], u64::MAX / 2).map(|s| s.named_at), Some(None));
    }
}
