//! Finds the export that carried a span.

use super::history::Export;

/// A run's exports by stream and first ordinal: their numbers in its history.
#[derive(Debug, Default)]
pub(crate) struct ExportIndex(Vec<u32>);

impl ExportIndex {
    pub(crate) fn new(exports: &[Export]) -> Self {
        // A ledger of so many exports as do not have a number would not fit into memory.
        let mut index: Vec<u32> = (0..exports.len() as u32).collect();
        index.sort_unstable_by_key(|number| start(exports, *number));
        Self(index)
    }

    /// The export that carried an ordinal of a stream.
    pub(crate) fn find<'e>(&self, exports: &'e [Export], stream: u32, ordinal: u64) -> Option<&'e Export> {
        Some(&exports[self.number(exports, stream, ordinal)? as usize])
    }

    /// Its number in the history, from 0.
    pub(crate) fn number(&self, exports: &[Export], stream: u32, ordinal: u64) -> Option<u32> {
        let after = self.0.partition_point(|number| start(exports, *number) <= (stream, ordinal));
        let number = *self.0.get(after.checked_sub(1)?)?;
        let export = &exports[number as usize];
        (export.stream == stream && ordinal - export.first < u64::from(export.count)).then_some(number)
    }

    /// Whether two exports of a stream overlap: then a span would have two outcomes.
    pub(crate) fn has_overlap(&self, exports: &[Export]) -> bool {
        self.0.windows(2).any(|pair| {
            let [one, next] = [pair[0], pair[1]].map(|number| &exports[number as usize]);
            one.stream == next.stream && one.first + u64::from(one.count) > next.first
        })
    }
}

fn start(exports: &[Export], number: u32) -> (u32, u64) {
    let export = &exports[number as usize];
    (export.stream, export.first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_found_in_its_export_alone() {
        let exports: Vec<_> =
            [(1, 3), (0, 5), (0, 0)].map(|(stream, first)| Export::begun(stream, first, 5, 0)).into();
        let index = ExportIndex::new(&exports);
        let found = |stream, ordinal| index.find(&exports, stream, ordinal).map(|export| export.first);
        assert_eq!(
            [0, 4, 5, 9, 10].map(|ordinal| found(0, ordinal)),
            [Some(0), Some(0), Some(5), Some(5), None]
        );
        assert_eq!([2, 3, 7, 8].map(|ordinal| found(1, ordinal)), [None, Some(3), Some(3), None]);
        assert_eq!(found(2, 3), None);
        assert!(!index.has_overlap(&exports));
    }

    #[test]
    fn exports_that_share_a_span_are_seen() {
        let exports = [5, 0, 9].map(|first| Export::begun(0, first, 5, 0));
        assert!(ExportIndex::new(&exports).has_overlap(&exports));
    }
}
