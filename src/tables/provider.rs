//! The schema that sessions resolve the names of tables by.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use datafusion::{
    catalog::{SchemaProvider, TableProvider},
    datasource::{TableType, empty::EmptyTable},
    error::{DataFusionError, Result},
    prelude::SessionContext,
};

use super::{catalog, functions, sources::Sources};

/// All tables of the catalogue over one store.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) sources: Arc<Sources>,
    /// Whether only the columns of tables are asked for.
    describing: AtomicBool,
}

impl Tables {
    pub(crate) fn new(sources: Sources) -> Arc<Self> {
        Arc::new(Self { sources: Arc::new(sources), describing: AtomicBool::new(false) })
    }

    /// Whether what is planned from now on asks for columns alone, so that no table is made for it.
    pub(crate) fn describe(&self, only_columns: bool) {
        self.describing.store(only_columns, Ordering::Relaxed);
    }
}

/// Makes the tables and the functions of the catalogue known to a session, in place of its own tables.
pub(crate) fn register(session: &mut SessionContext, tables: &Arc<Tables>) -> Result<()> {
    functions::register(session)?;
    let options = session.copied_config().options().catalog.clone();
    let Some(catalog) = session.catalog(&options.default_catalog) else {
        return Err(DataFusionError::Internal("a session without its catalog".to_owned()));
    };
    catalog.register_schema(&options.default_schema, Arc::clone(tables) as _)?;
    Ok(())
}

#[async_trait::async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        catalog::tables().map(|table| table.name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(table) = catalog::table(name) else {
            self.sources.note_missing(name);
            return Ok(None);
        };
        if self.describing.load(Ordering::Relaxed) {
            return Ok(Some(Arc::new(EmptyTable::new(table.schema()))));
        }
        Ok(Some(table.make(&self.sources).await?))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(catalog::table(name).map(|_| TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        catalog::table(name).is_some()
    }
}
