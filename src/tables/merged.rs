//! The merged view: one row for each span, its other copies hidden.
//!
//! Copies are looked for by two narrow scans instead of a window over the whole store: the first
//! hashes the ids of all rows into eight bytes each, the second looks again at those whose hash came
//! twice. What is hidden are a few row numbers per file, and a filter on these is all that a question
//! pays for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::{Hash, Hasher},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, StringArray},
        compute::cast,
        datatypes::{DataType, Int32Type, Int64Type},
    },
    catalog::TableProvider,
    common::{
        Result, exec_err,
        hash_utils::{RandomState, create_hashes},
    },
    datasource::{ViewTable, provider_as_source},
    logical_expr::{
        ColumnarValue, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility, col, not,
    },
    prelude::SessionContext,
};
use futures::StreamExt;

use crate::store::{footer::Statistics, inventory::FoundFile, scan};

/// By file: the rows that another copy of the same span stands before.
pub(crate) type Hidden = BTreeMap<String, BTreeSet<i64>>;

type Ids = (Option<String>, Option<String>);

/// Of each span, every copy but the first: cold before WAL, then by the files' names, then by row.
pub(crate) async fn hidden(session: &SessionContext, files: &[FoundFile]) -> Result<Hidden> {
    let doubled = doubled_hashes(session, files).await?;
    if doubled.is_empty() {
        return Ok(Hidden::new());
    }
    let mut copies: HashMap<Ids, Vec<(String, String, i64)>> = HashMap::new();
    let columns = ["trace_id", "span_id", "tier", "file", "row_number"];
    let rows = session.read_table(scan::stored_spans(files.to_vec()))?.select_columns(&columns)?;
    let mut batches = rows.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let hashes = hashes(&batch.columns()[..2])?;
        let text = |column: usize| cast(batch.column(column), &DataType::Utf8);
        let texts = [text(0)?, text(1)?, text(2)?, text(3)?];
        let value = |column: usize, row: usize| {
            let column = texts[column].as_string::<i32>();
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        let row_numbers = batch.column(4).as_primitive::<Int64Type>();
        for row in (0..batch.num_rows()).filter(|row| doubled.contains(&hashes[*row])) {
            let address = (value(2, row).unwrap_or_default(), value(3, row).unwrap_or_default());
            let copy = (address.0, address.1, row_numbers.value(row));
            copies.entry((value(0, row), value(1, row))).or_default().push(copy);
        }
    }
    let mut hidden = Hidden::new();
    for mut copies in copies.into_values() {
        // "cold" sorts before "wal".
        copies.sort();
        for (_, file, row_number) in copies.into_iter().skip(1) {
            hidden.entry(file).or_default().insert(row_number);
        }
    }
    Ok(hidden)
}

async fn doubled_hashes(session: &SessionContext, files: &[FoundFile]) -> Result<HashSet<u64>> {
    let rows = session.read_table(scan::stored_spans(files.to_vec()))?;
    let mut batches = rows.select_columns(&["trace_id", "span_id"])?.execute_stream().await?;
    let mut all = Vec::new();
    while let Some(batch) = batches.next().await {
        all.extend(hashes(batch?.columns())?);
    }
    all.sort_unstable();
    Ok(all.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect())
}

fn hashes(ids: &[ArrayRef]) -> Result<Vec<u64>> {
    let mut hashes = vec![0; ids.first().map_or(0, Array::len)];
    create_hashes(ids, &RandomState::with_seed(0), &mut hashes)?;
    Ok(hashes)
}

/// The rows of these files without those that are hidden.
pub(crate) fn view(
    files: Vec<FoundFile>,
    hidden: &Arc<Hidden>,
    statistics: Statistics,
) -> Result<Arc<dyn TableProvider>> {
    let stored = scan::stored_spans_by(files, statistics);
    if hidden.is_empty() {
        return Ok(stored);
    }
    let is_hidden = ScalarUDF::from(IsHidden {
        hidden: Arc::clone(hidden),
        signature: Signature::any(2, Volatility::Immutable),
    });
    let plan = LogicalPlanBuilder::scan("stored_spans", provider_as_source(stored), None)?
        .filter(not(is_hidden.call(vec![col("file"), col("row_number")])))?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// `is_hidden(file, row_number)`.
#[derive(Debug)]
struct IsHidden {
    hidden: Arc<Hidden>,
    signature: Signature,
}

impl PartialEq for IsHidden {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.hidden, &other.hidden)
    }
}

impl Eq for IsHidden {}

impl Hash for IsHidden {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.hidden).hash(state);
    }
}

impl ScalarUDFImpl for IsHidden {
    fn name(&self) -> &'static str {
        "is_hidden"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [files, row_numbers] = arrays.as_slice() else {
            return exec_err!("is_hidden takes a file and a row number");
        };
        // One value for each file, repeated for each of its rows.
        let keyed = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let files = cast(files, &keyed)?;
        let files: &DictionaryArray<Int32Type> = files.as_dictionary();
        let names: &StringArray = files.values().as_string();
        let rows_of: Vec<_> = names.iter().map(|name| self.hidden.get(name?)).collect();
        let row_numbers = cast(row_numbers, &DataType::Int64)?;
        let row_numbers = row_numbers.as_primitive::<Int64Type>();
        let is_hidden = |(key, row): (Option<i32>, Option<i64>)| {
            let rows = rows_of[usize::try_from(key?).ok()?];
            Some(rows.is_some_and(|rows| row.is_some_and(|row| rows.contains(&row))))
        };
        let flags: BooleanArray = files.keys().iter().zip(row_numbers.iter()).map(is_hidden).collect();
        Ok(ColumnarValue::Array(Arc::new(flags)))
    }
}
