//! Rows that claim to be of a known run without having a place in its plan.

use std::sync::LazyLock;

use datafusion::arrow::{array::RecordBatch, datatypes::SchemaRef, error::ArrowError};
use serde::{Deserialize, Serialize};

use super::evidence::Address;
use crate::base::arrays::{self, Kind, number, text};

/// One such row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stray {
    pub(crate) address: Address,
    /// The run that its trace id names, or its tag.
    pub(crate) run: String,
    pub(crate) service_name: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    arrays::schema(&[
        ("tier", Kind::Text),
        ("file", Kind::Text),
        ("row_number", Kind::Number),
        ("run", Kind::Text),
        ("service_name", Kind::Text),
        ("trace_id", Kind::Text),
        ("span_id", Kind::Text),
    ])
});

pub(crate) fn schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

pub(super) fn batch(strays: &[Stray]) -> Result<RecordBatch, ArrowError> {
    let columns = vec![
        text(strays.iter().map(|stray| Some(stray.address.tier.name()))),
        text(strays.iter().map(|stray| Some(&*stray.address.file))),
        number(strays.iter().map(|stray| Some(stray.address.row_number.cast_signed()))),
        text(strays.iter().map(|stray| Some(&stray.run))),
        text(strays.iter().map(|stray| stray.service_name.as_ref())),
        text(strays.iter().map(|stray| stray.trace_id.as_ref())),
        text(strays.iter().map(|stray| stray.span_id.as_ref())),
    ];
    RecordBatch::try_new(schema(), columns)
}
