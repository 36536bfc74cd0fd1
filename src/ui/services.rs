//! The list of services, and the lists of each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use datafusion::{
    arrow::{
        array::{AsArray, RecordBatch},
        compute::cast,
        datatypes::{DataType, UInt64Type},
        error::ArrowError,
    },
    prelude::SessionContext,
};

use super::{
    ServicePage,
    executions::{list, rows},
    known::{Known, ListKind},
};

pub(super) async fn pages(
    only: &[String],
    known: &Known<'_>,
    session: &SessionContext,
) -> anyhow::Result<Vec<ServicePage>> {
    let mut pages: BTreeMap<String, ServicePage> = BTreeMap::new();
    let mut files_of: HashMap<String, BTreeSet<String>> = HashMap::new();
    let sql = "SELECT service_name, file, count(*) FROM stored WHERE service_name IS NOT NULL GROUP BY service_name, file";
    for batch in session.sql(sql).await?.collect().await? {
        let (services, files) = (texts(&batch, 0)?, texts(&batch, 1)?);
        let counts = cast(batch.column(2), &DataType::UInt64)?;
        let counts = counts.as_primitive::<UInt64Type>();
        for (row, (service, file)) in services.into_iter().zip(files).enumerate() {
            page_of(&mut pages, &service).spans += counts.value(row);
            files_of.entry(service).or_default().insert(file);
        }
    }
    // What the index lists is listed, whether or not it is stored.
    let listed = known.index.services.iter().filter(|service| service.spans.is_some());
    for service in listed {
        page_of(&mut pages, &service.name).is_listed = true;
    }
    for (service, files) in &files_of {
        page_of(&mut pages, service).is_listed |= files.iter().any(|file| known.tells_services(file));
    }
    let rows = rows(session).await?;
    let mut pages: Vec<ServicePage> =
        pages.into_values().filter(|page| only.is_empty() || only.contains(&page.name)).collect();
    for page in &mut pages {
        page.workflows = list(&rows, &page.name, ListKind::Workflows, known);
        page.agents = list(&rows, &page.name, ListKind::Agents, known);
    }
    Ok(pages)
}

fn page_of<'p>(pages: &'p mut BTreeMap<String, ServicePage>, name: &str) -> &'p mut ServicePage {
    pages
        .entry(name.to_owned())
        .or_insert_with(|| ServicePage { name: name.to_owned(), ..ServicePage::default() })
}

/// A column as texts; a null is empty.
pub(super) fn texts(batch: &RecordBatch, column: usize) -> Result<Vec<String>, ArrowError> {
    let column = cast(batch.column(column), &DataType::Utf8)?;
    Ok(column.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect())
}
