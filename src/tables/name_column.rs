//! Names as columns of text that share one buffer.

use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, StringViewArray, UInt32Array},
    compute::take,
};

use crate::judge::interner::{Interner, Symbol};

/// All names, ready to be taken from.
#[derive(Debug)]
pub(crate) struct NameColumn(StringViewArray);

impl NameColumn {
    pub(crate) fn of(names: &Interner) -> Self {
        Self(StringViewArray::from_iter_values(names.texts()))
    }

    /// The texts of some names; null for [`Symbol::NONE`].
    pub(crate) fn take(&self, names: impl Iterator<Item = Symbol>) -> ArrayRef {
        let known = |name: Symbol| (name != Symbol::NONE).then_some(name.0);
        let index: UInt32Array = names.map(known).collect();
        take(&self.0, &index, None).unwrap_or_else(|_| {
            Arc::new(StringViewArray::new_null(datafusion::arrow::array::Array::len(&index)))
        })
    }
}
