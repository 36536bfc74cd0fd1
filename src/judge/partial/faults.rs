//! What is wrong with rows of a part. An address is the number of a row: its file is that of the part.

use std::sync::Arc;

use super::bytes::{In, Out};
use crate::{
    contract::schema::Schema,
    judge::{
        differing::{DifferingRow, Values},
        evidence::{Address, StoredDifference},
        hidden_rows::HiddenRow,
        sweep_output::FileOutput,
        unplannable::Stray,
    },
    store::layout::Tier,
};

/// As one JSON text.
type Faults = (Vec<StoredDifference>, Vec<Stray>, Vec<HiddenRow>);

/// Rows whose span depends on other files are none of a part's.
pub(super) fn put(output: &FileOutput, out: &mut Out) {
    let FileOutput { differences, strays, hidden_rows, differing, .. } = output;
    if differences.is_empty() && strays.is_empty() && hidden_rows.is_empty() {
        out.bytes(&[]);
    } else {
        let all = (differences, strays, hidden_rows);
        out.bytes(&serde_json::to_vec(&all).expect("numbers and texts are JSON"));
    }
    out.number(differing.len() as u64);
    for row in differing {
        let is_v2 = row.schema == Schema::V2;
        for number in [row.run as u64, row.slot, row.address.row_number, is_v2.into()] {
            out.number(number);
        }
        out.bytes(row.values.bytes());
    }
}

/// None for what [`put`] did not write.
pub(super) fn take(bytes: &mut In<'_>, output: &mut FileOutput, file: Option<Arc<str>>) -> Option<()> {
    let file = file.unwrap_or_default();
    let address = |row_number: u64| Address { tier: Tier::Cold, file: Arc::clone(&file), row_number };
    let text = bytes.bytes()?;
    let faults: Faults =
        if text.is_empty() { Faults::default() } else { serde_json::from_slice(text).ok()? };
    let (mut differences, mut strays, mut hidden_rows) = faults;
    let addresses = differences.iter_mut().map(|found| &mut found.address);
    let addresses = addresses.chain(strays.iter_mut().map(|stray| &mut stray.address));
    for of_row in addresses.chain(hidden_rows.iter_mut().map(|row| &mut row.address)) {
        *of_row = address(of_row.row_number);
    }
    let count = bytes.count()?;
    let mut differing = || {
        let (run, slot) = (usize::try_from(bytes.number()?).ok()?, bytes.number()?);
        let address = address(bytes.number()?);
        let schema = if bytes.number()? == 0 { Schema::V1 } else { Schema::V2 };
        Some(DifferingRow { run, slot, address, schema, values: Values::of_bytes(bytes.bytes()?) })
    };
    output.differing = (0..count).map(|_| differing()).collect::<Option<_>>()?;
    (output.differences, output.strays, output.hidden_rows) = (differences, strays, hidden_rows);
    Some(())
}
