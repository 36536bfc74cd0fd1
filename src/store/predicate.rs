//! A condition on stored rows, as a user types it in SQL.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, AsArray, BooleanArray, RecordBatch},
        datatypes::DataType,
    },
    common::DFSchema,
    error::DataFusionError,
    physical_expr::PhysicalExpr,
};

use super::{nesting, precedence, session::session};
use crate::{base::memory::Limits, contract::schema::readable};

/// What comes after WHERE, over the 21 columns.
#[derive(Debug)]
pub(crate) struct Predicate(Arc<dyn PhysicalExpr>);

impl Predicate {
    pub(crate) fn parse(sql: &str) -> Result<Self, DataFusionError> {
        let mut context = session(Limits { memory: 64 << 20, partitions: 1, batch_rows: 1_024 })?;
        datafusion_functions_json::register_all(&mut context)?;
        nesting::check(sql).map_err(|err| DataFusionError::Plan(err.to_string()))?;
        precedence::check(&format!("SELECT {sql}")).map_err(|err| DataFusionError::Plan(err.to_string()))?;
        let schema = DFSchema::try_from(readable().as_ref().clone())?;
        let expr = context.parse_sql_expr(sql, &schema)?;
        let physical = context.create_physical_expr(expr, &schema)?;
        match physical.data_type(schema.as_arrow())? {
            DataType::Boolean => Ok(Self(physical)),
            other => Err(DataFusionError::Plan(format!("it is of type {other}, and no condition"))),
        }
    }

    /// Which rows of a batch of all 21 columns fulfil it. Null is no.
    pub(crate) fn keeps(&self, batch: &RecordBatch) -> Result<BooleanArray, DataFusionError> {
        let mask = self.0.evaluate(batch)?.into_array(batch.num_rows())?;
        let mask = mask.as_boolean();
        Ok((0..mask.len()).map(|row| Some(mask.is_valid(row) && mask.value(row))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{columns, row::Row, schema::Schema},
        store::columns::adapt,
    };

    #[test]
    fn a_condition_speaks_of_columns_and_of_what_is_in_their_json() {
        let row = |name: &str, attributes: &str| Row {
            name: name.to_owned(),
            attributes: attributes.to_owned(),
            ..Row::default()
        };
        let rows = [row("a", r#"{"k":"v"}"#), row("b", r#"{"k":7}"#), row("c", "{}")];
        let batch = adapt(&columns::batch(&rows, Schema::V2).unwrap()).unwrap();
        for (sql, expected) in [
            ("name = 'b'", [false, true, false]),
            ("attributes ->> 'k' = 'v'", [true, false, false]),
            ("status_message = 'x'", [false, false, false]),
            ("duration_ns = 0 and not name in ('a', 'b')", [false, false, true]),
        ] {
            let mask = Predicate::parse(sql).unwrap().keeps(&batch).unwrap();
            let kept: Vec<_> = mask.iter().flatten().collect();
            assert_eq!(kept, expected, "{sql}");
        }
        for wrong in ["nonsense = 1", "name", "name =", "1; drop table x"] {
            assert!(Predicate::parse(wrong).is_err(), "{wrong}");
        }
    }
}
