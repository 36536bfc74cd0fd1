//! tables.

pub(crate) mod delivery;
pub(crate) mod docs;
pub(crate) mod expected;
pub(crate) mod exports;
pub(crate) mod fact_columns;
pub(crate) mod fact_table;
pub(crate) mod files;
pub(crate) mod findings;
pub(crate) mod judged;
pub(crate) mod listing;
pub(crate) mod merged;
pub(crate) mod name_column;
pub(crate) mod runs;
pub(crate) mod trace_columns;
