//! Tables of the studio's index, and of what it and the cold files say of each other.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    iter,
    ops::Range,
    sync::{Arc, OnceLock},
};

use datafusion::{
    arrow::{array::ArrayRef, datatypes::SchemaRef},
    catalog::TableProvider,
    common::Result,
    error::DataFusionError,
};

use super::{
    catalog,
    column_table::column_table,
    sources::{ColdNames, Sources},
    unknown_column,
};
use crate::{
    base::arrays::{flag, number, text, time},
    contract::{
        row::Cell,
        schema::{column, column_name},
    },
    index::{
        read::{Index, IndexState, IndexedFile, IndexedService},
        visibility::{Cause, ColdFile, State, Visibility, changes},
    },
    judge::{
        index_keys::{IndexKeys, Semantics, ServiceKeys, digest_of_pair},
        judgement::FileRecord,
    },
    store::{
        inventory::{self, FoundFile},
        layout::Tier,
        lazy_table::lazy_table,
        open::open_to_read,
        rows::Rows,
    },
};

/// Services of a file that are named.
const NAMED: usize = 5;

const CHUNK: usize = 8_192;

type Made = Result<Arc<dyn TableProvider>>;

/// The table as it was made for this index; else made by `make`, each column as it is asked for.
async fn once(sources: &Arc<Sources>, name: &'static str, make: impl AsyncFnOnce(SchemaRef) -> Made) -> Made {
    if let Some(made) = sources.index_tables().get(name) {
        return Ok(Arc::clone(made));
    }
    let Some(table) = catalog::table(name) else {
        return Err(DataFusionError::Internal(format!("no table is called `{name}`")));
    };
    let provider = make(table.schema()).await?;
    sources.index_tables().insert(name, Arc::clone(&provider));
    Ok(provider)
}

/// A table of `rows` rows; `column` makes the values of a column in some of them.
fn table(
    schema: SchemaRef,
    name: &'static str,
    rows: usize,
    column: impl Fn(&str, Range<usize>) -> Option<ArrayRef> + Send + Sync + 'static,
) -> Arc<dyn TableProvider> {
    column_table(schema, rows, move |wanted, rows| match column(wanted, rows) {
        Some(column) => Ok(column),
        None => unknown_column(name, wanted),
    })
}

/// One row: what there is of an index.
pub(super) async fn studio_index(sources: &Arc<Sources>) -> Made {
    let name = "studio_index";
    once(sources, name, async |schema| {
        let state = sources.index();
        let visibility = sources.visibility().await?;
        let file = sources.layout().index().map(|_| "sqlite/metadata.db");
        Ok(table(schema, name, 1, move |column, _| {
            let visibility = visibility.as_deref();
            let index = visibility.map(|visibility| &*visibility.index);
            let (state_name, problem) = match &*state {
                IndexState::Absent(why) => ("absent", Some(why)),
                IndexState::Unreadable(why) => ("unreadable", Some(why)),
                IndexState::Read(_) => ("read", None),
            };
            let count = |counted: Option<usize>| {
                number(iter::once(counted.map(|count| i64::try_from(count).unwrap_or(i64::MAX))))
            };
            let cold = |of: fn(&ColdFile) -> bool| {
                count(visibility.map(|one| one.cold.iter().filter(|file| of(file)).count()))
            };
            let traces = |index: &Index| index.files.iter().map(|file| file.traces.count.cast_signed()).sum();
            Some(match column {
                "file" => text(iter::once(file)),
                "state" => text(iter::once(Some(state_name))),
                "problem" => text(iter::once(problem)),
                "has_agent_files" => flag(iter::once(index.map(|index| index.has_agents))),
                "indexed_files" => count(index.map(|index| index.files.len())),
                "failed_files" => count(index.map(|index| index.failed.len())),
                "indexed_traces" => number(iter::once(index.map(|index| -> i64 { traces(index) }))),
                "cold_files" => cold(|_| true),
                "waiting_files" => cold(|file| file.indexed.is_none() && file.failed.is_none()),
                "matched_files" => cold(|file| file.indexed.is_some()),
                "is_of_another_store" => flag(iter::once(visibility.map(Visibility::is_foreign))),
                "folders" => count(visibility.map(|one| one.folders.len())),
                "folder_names" => text(iter::once(visibility.map(|one| one.folders.join(", ")))),
                "last_work_at" => time(iter::once(index.and_then(Index::last_work))),
                "written_at" => time(iter::once(index.and_then(|index| index.written_at))),
                _ => return None,
            })
        }))
    })
    .await
}

/// An index that is read, and the cold files that its paths name.
struct Named {
    index: Arc<Index>,
    here: Arc<ColdNames>,
}

impl Named {
    fn of(sources: &Arc<Sources>) -> Option<Self> {
        let index = sources.read_index()?;
        let here = sources.cold_names(&index);
        Some(Self { index, here })
    }

    fn files(&self) -> &[IndexedFile] {
        &self.index.files
    }

    /// The name of an indexed file here.
    fn file(&self, place: usize) -> Option<&str> {
        self.here.indexed(place)
    }

    /// When an indexed file was flushed, by its name here.
    fn flushed_at(&self, place: u32) -> Option<i64> {
        inventory::named_at(Tier::Cold, self.file(place as usize)?.rsplit('/').next()?)
    }
}

pub(super) async fn indexed_files(sources: &Arc<Sources>) -> Made {
    let name = "indexed_files";
    once(sources, name, async |schema| {
        let named = Named::of(sources);
        let rows = named.as_ref().map_or(0, |named| named.files().len());
        Ok(table(schema, name, rows, move |column, rows| {
            let named = named.as_ref()?;
            let all = || named.files()[rows.clone()].iter();
            let here = || rows.clone().map(|place| named.file(place));
            Some(match column {
                "file_id" => number(all().map(|file| Some(file.id))),
                "path" => text(all().map(|file| Some(&file.path))),
                "file" => text(here()),
                "is_gone" => {
                    let gone = |(here, file): (Option<&str>, &IndexedFile)| {
                        Some(here.is_none() && named.here.is_gone(&file.path))
                    };
                    flag(here().zip(all()).map(gone))
                }
                "size" => number(all().map(|file| Some(file.size))),
                "rows" => number(all().map(|file| Some(file.rows))),
                "traces" => number(all().map(|file| Some(file.traces.count.cast_signed()))),
                "first_start" => time(all().map(|file| file.first_start)),
                "last_end" => time(all().map(|file| file.last_end)),
                "indexed_at" => time(all().map(|file| file.indexed_at)),
                _ => return None,
            })
        }))
    })
    .await
}

pub(super) async fn failed_files(sources: &Arc<Sources>) -> Made {
    let name = "failed_files";
    once(sources, name, async |schema| {
        let named = Named::of(sources);
        let rows = named.as_ref().map_or(0, |named| named.index.failed.len());
        Ok(table(schema, name, rows, move |column, rows| {
            let named = named.as_ref()?;
            let all = || named.index.failed[rows.clone()].iter();
            Some(match column {
                "path" => text(all().map(|file| Some(&file.path))),
                "file" => text(rows.clone().map(|place| named.here.failed(place))),
                "error_type" => text(all().map(|file| Some(&file.error_type))),
                "error_message" => text(all().map(|file| Some(&file.error_message))),
                "size" => number(all().map(|file| file.size)),
                "failed_at" => time(all().map(|file| file.failed_at)),
                _ => return None,
            })
        }))
    })
    .await
}

/// One row per service and file, with the place of the file in the lists of the service.
pub(super) async fn indexed_services(sources: &Arc<Sources>) -> Made {
    let name = "indexed_services";
    once(sources, name, async |schema| {
        let named = Named::of(sources);
        let rows = named.as_ref().map_or(0, |named| named.index.services.len());
        let [by_end, of_workflows, by_flush] = [const { OnceLock::<Vec<Option<u32>>>::new() }; 3];
        Ok(table(schema, name, rows, move |column, rows| {
            let named = named.as_ref()?;
            let index = &named.index;
            let all = || index.services[rows.clone()].iter();
            let of = |service: &IndexedService| index.files.get(service.file as usize);
            let end = |file: u32| index.files.get(file as usize).and_then(|file| file.last_end);
            let flushed = |file: u32| named.flushed_at(file);
            let is_listed = |service: &IndexedService| service.spans.is_some();
            let has_workflows = |service: &IndexedService| service.has_workflows;
            let ranked =
                |ranks: &Vec<Option<u32>>| number(ranks[rows.clone()].iter().map(|rank| rank.map(i64::from)));
            Some(match column {
                "service_name" => text(all().map(|service| Some(&*service.name))),
                "path" => text(all().map(|service| of(service).map(|file| &file.path))),
                "file" => text(all().map(|service| named.file(service.file as usize))),
                "flushed_at" => time(all().map(|service| flushed(service.file))),
                "spans" => number(all().map(|service| service.spans)),
                "last_end" => time(all().map(|service| of(service).and_then(|file| file.last_end))),
                "has_workflows" => flag(all().map(|service| Some(service.has_workflows))),
                "has_agents" => flag(all().map(|service| index.has_agents.then_some(service.has_agents))),
                "rank" => ranked(by_end.get_or_init(|| ranks(index, is_listed, end))),
                "workflow_rank" => ranked(of_workflows.get_or_init(|| ranks(index, has_workflows, end))),
                "flush_rank" => ranked(by_flush.get_or_init(|| ranks(index, is_listed, flushed))),
                _ => return None,
            })
        }))
    })
    .await
}

/// By place in [`Index::services`]: the place of the file among those of its service, the latest first; from 1.
pub(crate) fn ranks(
    index: &Index,
    counts: impl Fn(&IndexedService) -> bool,
    at: impl Fn(u32) -> Option<i64>,
) -> Vec<Option<u32>> {
    let listed = index.services.iter().enumerate().filter(|(_, service)| counts(service));
    let key = |(place, service): (usize, &IndexedService)| {
        (service.number, Reverse(at(service.file)), service.file, place)
    };
    let mut order: Vec<_> = listed.map(key).collect();
    order.sort_unstable();
    let mut ranks = vec![None; index.services.len()];
    let (mut rank, mut last) = (0, None);
    for (service, _, _, place) in order {
        rank = if last == Some(service) { rank + 1 } else { 1 };
        last = Some(service);
        ranks[place] = Some(rank);
    }
    ranks
}

/// Read from the copy as they are asked for.
pub(super) async fn indexed_traces(sources: &Arc<Sources>) -> Made {
    once(sources, "indexed_traces", async |schema| {
        let named = Named::of(sources).map(Arc::new);
        Ok(lazy_table(Arc::clone(&schema), move || {
            let (named, schema) = (named.clone(), Arc::clone(&schema));
            let mut behind = i64::MIN;
            let batches = iter::from_fn(move || {
                let named = named.as_deref()?;
                let (rows, last) = match named.index.traces(behind, CHUNK) {
                    Ok((rows, _)) if rows.is_empty() => return None,
                    Ok(read) => read,
                    Err(err) => return Some(Err(DataFusionError::External(err.into()))),
                };
                behind = last;
                let file = |place: Option<u32>| named.file(place? as usize);
                let path = |place: Option<u32>| named.files().get(place? as usize).map(|file| &file.path);
                Some(super::batch(&schema, rows.len(), |column| {
                    Ok(match column {
                        "trace_id" => text(rows.iter().map(|row| Some(&row.trace_id))),
                        "path" => text(rows.iter().map(|row| path(row.file))),
                        "file" => text(rows.iter().map(|row| file(row.file))),
                        "is_llm" => flag(rows.iter().map(|row| Some(row.is_llm))),
                        other => return unknown_column("indexed_traces", other),
                    })
                }))
            });
            Ok(Box::new(batches))
        }))
    })
    .await
}

/// One row per cold file: whether the studio's pages find it.
pub(super) async fn visible_files(sources: &Arc<Sources>) -> Made {
    let name = "visible_files";
    once(sources, name, async |schema| {
        let judged = sources.judged().await?;
        let visibility = sources.visibility().await?;
        let rows = visibility.as_ref().map_or(0, |visibility| visibility.cold.len());
        Ok(table(schema, name, rows, move |column, rows| {
            let visibility = visibility.as_deref()?;
            let index = &visibility.index;
            let records = &judged.judgement.files;
            let all = || visibility.cold[rows.clone()].iter();
            let of = |file: &ColdFile| &records[file.record];
            let keys = |file: &ColdFile| records[file.record].index_keys.as_ref();
            let indexed = |file: &ColdFile| index.files.get(file.indexed? as usize);
            let failed = |file: &ColdFile| index.failed.get(file.failed? as usize);
            let path = |file: &ColdFile| {
                indexed(file).map(|file| &file.path).or_else(|| failed(file).map(|file| &file.path))
            };
            let sum = |keys: &IndexKeys, part: fn(&ServiceKeys) -> u64| {
                keys.services.iter().map(part).sum::<u64>().cast_signed()
            };
            Some(match column {
                "file" => text(all().map(|file| Some(&of(file).file))),
                "state" => text(all().map(|file| Some(file.state.name()))),
                "cause" => text(all().map(|file| file.cause.map(Cause::name))),
                "named_at" => time(all().map(|file| of(file).named_at)),
                "spans" => number(all().map(|file| keys(file).map(|_| of(file).rows.cast_signed()))),
                "traces" => number(all().map(|file| keys(file).map(|keys| keys.traces.count.cast_signed()))),
                "workflows" => {
                    number(all().map(|file| keys(file).map(|keys| sum(keys, |part| part.workflows))))
                }
                "agents" => number(all().map(|file| keys(file).map(|keys| sum(keys, |part| part.agents)))),
                "services" => text(all().map(|file| keys(file).map(services_of))),
                "path" => text(all().map(path)),
                "indexed_at" => time(all().map(|file| indexed(file)?.indexed_at)),
                "difference" => text(all().map(|file| difference(indexed(file)?, of(file)))),
                "error_type" => text(all().map(|file| failed(file).map(|file| &file.error_type))),
                "error_message" => text(all().map(|file| failed(file).map(|file| &file.error_message))),
                "failed_at" => time(all().map(|file| failed(file)?.failed_at)),
                _ => return None,
            })
        }))
    })
    .await
}

/// The first few services of a file, by name.
fn services_of(keys: &IndexKeys) -> String {
    let name =
        |part: &ServiceKeys| if part.name.is_empty() { "(none)".to_owned() } else { part.name.to_string() };
    let mut names: Vec<String> = keys.services.iter().take(NAMED).map(name).collect();
    if keys.services.len() > NAMED {
        names.push(format!("{} more", keys.services.len() - NAMED));
    }
    names.join(", ")
}

fn difference(indexed: &IndexedFile, record: &FileRecord) -> Option<String> {
    let changes = changes(indexed, record);
    let names: Vec<&str> = changes.iter().map(|(name, ..)| *name).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// A row that the index of a file lacks, or has too much.
struct Difference {
    file: Arc<str>,
    entry: Entry,
    is_missing: bool,
    service: Option<Arc<str>>,
    trace_id: Option<String>,
    spans: Option<u64>,
    before_upgrade: bool,
}

/// The tables of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Trace,
    Service,
    Workflows,
    Agents,
    Llm,
}

impl Entry {
    fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace_files",
            Self::Service => "file_services",
            Self::Workflows => "workflow_files",
            Self::Agents => "agent_files",
            Self::Llm => "llm_traces",
        }
    }
}

/// What the index of each file lacks, or has too much. Files whose traces agree are not read again.
pub(super) async fn index_differences(sources: &Arc<Sources>) -> Made {
    let name = "index_differences";
    once(sources, name, async |schema| {
        let found = differences(sources).await?;
        Ok(table(schema, name, found.len(), move |column, rows| {
            let all = || found[rows.clone()].iter();
            Some(match column {
                "tier" => text(all().map(|_| Some(Tier::Cold.name()))),
                "file" => text(all().map(|one| Some(&*one.file))),
                "entry" => text(all().map(|one| Some(one.entry.name()))),
                "is_missing" => flag(all().map(|one| Some(one.is_missing))),
                "service_name" => text(all().map(|one| one.service.as_deref())),
                "trace_id" => text(all().map(|one| one.trace_id.as_deref())),
                "spans" => number(all().map(|one| one.spans.map(u64::cast_signed))),
                "before_upgrade" => flag(all().map(|one| Some(one.before_upgrade))),
                _ => return None,
            })
        }))
    })
    .await
}

async fn differences(sources: &Arc<Sources>) -> Result<Vec<Difference>> {
    let mut found = Vec::new();
    let Some(visibility) = sources.visibility().await? else { return Ok(found) };
    let judged = sources.judged().await?;
    let mut evidence = None;
    let index = &visibility.index;
    let upgrade = Upgrade::of(&visibility, &judged.judgement.files);
    for file in visibility.cold.iter().filter(|file| file.state == State::Indexed) {
        let record = &judged.judgement.files[file.record];
        let (Some(keys), Some(place)) = (&record.index_keys, file.indexed) else { continue };
        compare_services(index, place, record, keys, &upgrade, &mut found);
        let traces_differ = index.files[place as usize].traces != keys.traces;
        let lacks_llm =
            |part: &ServiceKeys| part.llm_traces.iter().any(|digest| !index.has_llm_trace(*digest));
        if traces_differ || keys.services.iter().any(lacks_llm) {
            let evidence = evidence.get_or_insert_with(|| Sources::evidence(&judged));
            let Some(file) = evidence.get(record.file.as_str()) else { continue };
            compare_traces(sources, file, index, place, record, &mut found).await?;
        }
    }
    Ok(found)
}

/// Since when the indexer notes agents.
struct Upgrade {
    has_table: bool,
    /// The first file of the index with an agent in its table.
    first_noted: Option<u32>,
    /// Whether a studio wrote files that has a list of agents.
    has_list: bool,
}

impl Upgrade {
    fn of(visibility: &Visibility, records: &[FileRecord]) -> Self {
        let index = &visibility.index;
        let noted = index.services.iter().filter(|service| service.has_agents).map(|service| service.file);
        Self {
            has_table: index.has_agents,
            first_noted: noted.min(),
            has_list: index.has_agents || records.iter().any(|file| file.schema == Some(2)),
        }
    }

    fn is_behind(&self, file: u32) -> bool {
        !self.has_table || self.first_noted.is_none_or(|first| file < first)
    }
}

fn compare_services(
    index: &Index,
    place: u32,
    record: &FileRecord,
    keys: &IndexKeys,
    upgrade: &Upgrade,
    found: &mut Vec<Difference>,
) {
    let said = index.services_of(place);
    let mut note = |entry, is_missing, name: &Arc<str>, spans| {
        found.push(Difference {
            file: record.file.as_str().into(),
            entry,
            is_missing,
            service: Some(Arc::clone(name)),
            trace_id: None,
            spans,
            before_upgrade: entry == Entry::Agents && upgrade.is_behind(place),
        });
    };
    for part in &keys.services {
        let known = said.iter().find(|service| service.name == part.name);
        if known.is_none_or(|service| service.spans.is_none()) {
            note(Entry::Service, true, &part.name, Some(part.spans));
        }
        if part.workflows > 0 && known.is_none_or(|service| !service.has_workflows) {
            note(Entry::Workflows, true, &part.name, Some(part.workflows));
        }
        if part.agents > 0 && upgrade.has_list && known.is_none_or(|service| !service.has_agents) {
            note(Entry::Agents, true, &part.name, Some(part.agents));
        }
    }
    for service in said {
        let part = keys.services.iter().find(|part| part.name == service.name);
        if service.spans.is_some() && part.is_none() {
            note(Entry::Service, false, &service.name, None);
        }
        if service.has_workflows && part.is_none_or(|part| part.workflows == 0) {
            note(Entry::Workflows, false, &service.name, None);
        }
        if service.has_agents && part.is_none_or(|part| part.agents == 0) {
            note(Entry::Agents, false, &service.name, None);
        }
    }
}

/// Reads a file again for the traces that its index lacks.
async fn compare_traces(
    sources: &Sources,
    file: &FoundFile,
    index: &Index,
    place: u32,
    record: &FileRecord,
    found: &mut Vec<Difference>,
) -> Result<()> {
    let said = index.traces_of(place).map_err(|err| DataFusionError::External(err.into()))?;
    let mut said: BTreeMap<String, bool> = said.into_iter().map(|trace| (trace, false)).collect();
    let mut traces: BTreeMap<String, u64> = BTreeMap::new();
    let mut llm: BTreeMap<(String, String), u64> = BTreeMap::new();
    let opened = open_to_read(file);
    let present = opened.known_columns();
    let names = [column::TRACE_ID, column::SERVICE_NAME, column::ATTRIBUTES].map(column_name);
    let mut rows = opened.into_rows(&names, sources.task());
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|problem| DataFusionError::Execution(problem.to_string()))?;
        let cells = Rows::new(&batch, &present);
        for row in 0..batch.num_rows() {
            let cells = cells.cells(row);
            let text = |column: usize| cells[column].and_then(Cell::text);
            let Some(trace) = text(column::TRACE_ID) else { continue };
            match said.get_mut(trace) {
                Some(met) => *met = true,
                None => *traces.entry(trace.to_owned()).or_default() += 1,
            }
            let Some(service) = text(column::SERVICE_NAME) else { continue };
            let is_llm = text(column::ATTRIBUTES).map(Semantics::of).is_some_and(Semantics::is_llm);
            if is_llm && !index.has_llm_trace(digest_of_pair(service, trace)) {
                *llm.entry((service.to_owned(), trace.to_owned())).or_default() += 1;
            }
        }
    }
    let name: Arc<str> = record.file.as_str().into();
    let mut note = |entry, is_missing, service: Option<String>, trace_id, spans| {
        let service = service.map(Arc::from);
        let (file, trace_id) = (Arc::clone(&name), Some(trace_id));
        found.push(Difference { file, entry, is_missing, service, trace_id, spans, before_upgrade: false });
    };
    for (trace, spans) in traces {
        note(Entry::Trace, true, None, trace, Some(spans));
    }
    for ((service, trace), spans) in llm {
        note(Entry::Llm, true, Some(service), trace, Some(spans));
    }
    for (trace, _) in said.into_iter().filter(|(_, met)| !met) {
        note(Entry::Trace, false, None, trace, None);
    }
    Ok(())
}
