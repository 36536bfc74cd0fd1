//! Values that are lost by design, and are not.

use serde_json::{Map, Value};

use super::Damage;
use crate::{
    contract::row::Row,
    proof::{
        bench::Bench,
        rows::{parquet_rows, write_parquet},
    },
};

pub(super) const DAMAGES: &[Damage] = &[
    ("nothing, to what is lost by design", "all", |_| Ok(()), "declared_losses: info"),
    ("keep_what_is_lost_by_design", "all", keep_a_null_of_a_file, "undeclared_gains: 1"),
];

fn keep_a_null_of_a_file(bench: &Bench) -> anyhow::Result<()> {
    for file in bench.cold_files()? {
        let mut rows = parquet_rows(&file, bench.schema)?;
        if rows.iter_mut().find_map(keep_a_null).is_some() {
            return write_parquet(&file, &rows, bench.schema);
        }
    }
    anyhow::bail!("no row with a null")
}

/// What is stored as null, as every NaN is, is there as text.
fn keep_a_null(row: &mut Row) -> Option<()> {
    let mut attributes: Map<String, Value> = serde_json::from_str(&row.attributes).ok()?;
    let lost = attributes.values_mut().find(|value| value.is_null())?;
    *lost = "NaN".into();
    row.attributes = Value::Object(attributes).to_string();
    Some(())
}
