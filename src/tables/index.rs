//! Tables of the studio's index, and of what it and the cold files say of each other.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::{
    arrow::array::ArrayRef, catalog::TableProvider, common::Result, datasource::MemTable,
    error::DataFusionError,
};

use super::{catalog, sources::Sources, unknown_column};
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
        open::open,
        rows::Rows,
    },
};

/// Services of a file that are named.
const NAMED: usize = 5;

const CHUNK: usize = 8_192;

type Made = Result<Arc<dyn TableProvider>>;

fn table(name: &str, rows: usize, column: impl Fn(&str) -> Option<ArrayRef>) -> Made {
    let Some(table) = catalog::table(name) else {
        return Err(DataFusionError::Internal(format!("no table is called `{name}`")));
    };
    let schema = table.schema();
    let batch = super::batch(&schema, rows, |wanted| match column(wanted) {
        Some(column) => Ok(column),
        None => unknown_column(name, wanted),
    })?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
}

/// One row: what there is of an index.
pub(super) async fn studio_index(sources: &Arc<Sources>) -> Made {
    let state = sources.index();
    let visibility = sources.visibility().await?;
    let index = visibility.as_deref().map(|visibility| &*visibility.index);
    let name = sources.layout().index().map(|_| "sqlite/metadata.db");
    let (state_name, problem) = match &*state {
        IndexState::Absent(why) => ("absent", Some(why.clone())),
        IndexState::Unreadable(why) => ("unreadable", Some(why.clone())),
        IndexState::Read(_) => ("read", None),
    };
    let count = |of: fn(&Index) -> usize| {
        number(std::iter::once(index.map(|index| i64::try_from(of(index)).unwrap_or(i64::MAX))))
    };
    let cold = |of: fn(&ColdFile) -> bool| {
        let files =
            visibility.as_deref().map(|visibility| visibility.cold.iter().filter(|file| of(file)).count());
        number(std::iter::once(files.map(|files| i64::try_from(files).unwrap_or(i64::MAX))))
    };
    table("studio_index", 1, |column| {
        Some(match column {
            "file" => text(std::iter::once(name)),
            "state" => text(std::iter::once(Some(state_name))),
            "problem" => text(std::iter::once(problem.as_ref())),
            "has_agent_files" => flag(std::iter::once(index.map(|index| index.has_agents))),
            "indexed_files" => count(|index| index.files.len()),
            "failed_files" => count(|index| index.failed.len()),
            "indexed_traces" => {
                let pairs =
                    index.map(|index| index.files.iter().map(|file| file.traces.count.cast_signed()).sum());
                number(std::iter::once(pairs.map(|pairs: i64| pairs)))
            }
            "cold_files" => cold(|_| true),
            "waiting_files" => cold(|file| file.indexed.is_none() && file.failed.is_none()),
            "matched_files" => cold(|file| file.indexed.is_some()),
            "is_of_another_store" => flag(std::iter::once(visibility.as_deref().map(Visibility::is_foreign))),
            "folders" => number(std::iter::once(
                visibility.as_deref().map(|one| i64::try_from(one.folders.len()).unwrap_or(i64::MAX)),
            )),
            "folder_names" => text(std::iter::once(visibility.as_deref().map(|one| one.folders.join(", ")))),
            "last_work_at" => time(std::iter::once(index.and_then(Index::last_work))),
            "written_at" => time(std::iter::once(index.and_then(|index| index.written_at))),
            _ => return None,
        })
    })
}

pub(super) fn indexed_files(sources: &Sources) -> Made {
    let index = sources.read_index();
    let files = index.as_deref().map(|index| index.files.as_slice()).unwrap_or_default();
    let here = sources.cold_names(files.iter().map(|file| file.path.as_str()));
    table("indexed_files", files.len(), |column| {
        let all = || files.iter();
        Some(match column {
            "file_id" => number(all().map(|file| Some(file.id))),
            "path" => text(all().map(|file| Some(&file.path))),
            "file" => text(here.iter().map(Option::as_ref)),
            "is_gone" => {
                let gone = |(here, path): (&Option<String>, &str)| here.is_none() && sources.is_gone(path);
                flag(here.iter().zip(all().map(|file| file.path.as_str())).map(gone).map(Some))
            }
            "size" => number(all().map(|file| Some(file.size))),
            "rows" => number(all().map(|file| Some(file.rows))),
            "traces" => number(all().map(|file| Some(file.traces.count.cast_signed()))),
            "first_start" => time(all().map(|file| file.first_start)),
            "last_end" => time(all().map(|file| file.last_end)),
            "indexed_at" => time(all().map(|file| file.indexed_at)),
            _ => return None,
        })
    })
}

pub(super) fn failed_files(sources: &Sources) -> Made {
    let index = sources.read_index();
    let files = index.as_deref().map(|index| index.failed.as_slice()).unwrap_or_default();
    let here = sources.cold_names(files.iter().map(|file| file.path.as_str()));
    table("failed_files", files.len(), |column| {
        let all = || files.iter();
        Some(match column {
            "path" => text(all().map(|file| Some(&file.path))),
            "file" => text(here.iter().map(Option::as_ref)),
            "error_type" => text(all().map(|file| Some(&file.error_type))),
            "error_message" => text(all().map(|file| Some(&file.error_message))),
            "size" => number(all().map(|file| file.size)),
            "failed_at" => time(all().map(|file| file.failed_at)),
            _ => return None,
        })
    })
}

/// One row per service and file, with the place of the file in the lists of the service.
pub(super) fn indexed_services(sources: &Sources) -> Made {
    let index = sources.read_index();
    let services = index.as_deref().map(|index| index.services.as_slice()).unwrap_or_default();
    let files = index.as_deref().map(|index| index.files.as_slice()).unwrap_or_default();
    let here = sources.cold_names(files.iter().map(|file| file.path.as_str()));
    let of = |service: &IndexedService| files.get(service.file as usize);
    let named_at: Vec<Option<i64>> = here
        .iter()
        .map(|file| inventory::named_at(Tier::Cold, file.as_deref()?.rsplit('/').next()?))
        .collect();
    let end = |file: u32| files.get(file as usize).and_then(|file| file.last_end);
    let flushed = |file: u32| named_at.get(file as usize).copied().flatten();
    let ranked = |counts: fn(&IndexedService) -> bool, at: &dyn Fn(u32) -> Option<i64>| {
        let ranks = index.as_deref().map(|index| ranks(index, counts, at)).unwrap_or_default();
        number(ranks.into_iter().map(|rank| rank.map(i64::from)))
    };
    table("indexed_services", services.len(), |column| {
        let all = || services.iter();
        Some(match column {
            "service_name" => text(all().map(|service| Some(&*service.name))),
            "path" => text(all().map(|service| of(service).map(|file| &file.path))),
            "file" => text(all().map(|service| here.get(service.file as usize).and_then(Option::as_ref))),
            "flushed_at" => time(all().map(|service| flushed(service.file))),
            "spans" => number(all().map(|service| service.spans)),
            "last_end" => time(all().map(|service| of(service).and_then(|file| file.last_end))),
            "has_workflows" => flag(all().map(|service| Some(service.has_workflows))),
            "has_agents" => {
                let has = index.as_deref().is_some_and(|index| index.has_agents);
                flag(all().map(|service| has.then_some(service.has_agents)))
            }
            "rank" => ranked(|service| service.spans.is_some(), &end),
            "workflow_rank" => ranked(|service| service.has_workflows, &end),
            "flush_rank" => ranked(|service| service.spans.is_some(), &flushed),
            _ => return None,
        })
    })
}

/// By place in [`Index::services`]: the place of the file among those of its service, the latest first; from 1.
pub(crate) fn ranks(
    index: &Index,
    counts: impl Fn(&IndexedService) -> bool,
    at: impl Fn(u32) -> Option<i64>,
) -> Vec<Option<u32>> {
    let mut order: Vec<usize> =
        (0..index.services.len()).filter(|&place| counts(&index.services[place])).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&index.services[a], &index.services[b]);
        a.name.cmp(&b.name).then(at(b.file).cmp(&at(a.file))).then(a.file.cmp(&b.file))
    });
    let mut ranks = vec![None; index.services.len()];
    let mut rank = 0;
    for (number, &place) in order.iter().enumerate() {
        let same = number > 0 && index.services[order[number - 1]].name == index.services[place].name;
        rank = if same { rank + 1 } else { 1 };
        ranks[place] = Some(rank);
    }
    ranks
}

/// Read from the copy as they are asked for.
pub(super) fn indexed_traces(sources: &Sources) -> Made {
    let Some(table) = catalog::table("indexed_traces") else {
        return Err(DataFusionError::Internal("no table is called `indexed_traces`".to_owned()));
    };
    let schema = table.schema();
    let index = sources.read_index();
    let files = index.as_deref().map(|index| index.files.as_slice()).unwrap_or_default();
    let here = Arc::new(sources.cold_names(files.iter().map(|file| file.path.as_str())));
    Ok(lazy_table(Arc::clone(&schema), move || {
        let (index, here, schema) = (index.clone(), Arc::clone(&here), Arc::clone(&schema));
        let mut behind = i64::MIN;
        let batches = std::iter::from_fn(move || {
            let index = index.as_deref()?;
            let (rows, last) = match index.traces(behind, CHUNK) {
                Ok((rows, _)) if rows.is_empty() => return None,
                Ok(read) => read,
                Err(err) => return Some(Err(DataFusionError::External(err.into()))),
            };
            behind = last;
            let file = |place: Option<u32>| here.get(place? as usize)?.as_ref();
            let path = |place: Option<u32>| index.files.get(place? as usize).map(|file| &file.path);
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
}

/// One row per cold file: whether the studio's pages find it.
pub(super) async fn visible_files(sources: &Arc<Sources>) -> Made {
    let judged = sources.judged().await?;
    let visibility = sources.visibility().await?;
    let (cold, index) = match visibility.as_deref() {
        Some(visibility) => (visibility.cold.as_slice(), Some(&*visibility.index)),
        None => (&[][..], None),
    };
    let records = &judged.judgement.files;
    let of = |file: &ColdFile| &records[file.record];
    let keys = |file: &ColdFile| of(file).index_keys.as_ref();
    let indexed = |file: &ColdFile| index?.files.get(file.indexed? as usize);
    let failed = |file: &ColdFile| index?.failed.get(file.failed? as usize);
    let sum = |keys: &IndexKeys, part: fn(&ServiceKeys) -> u64| {
        keys.services.iter().map(part).sum::<u64>().cast_signed()
    };
    table("visible_files", cold.len(), |column| {
        let all = || cold.iter();
        Some(match column {
            "file" => text(all().map(|file| Some(&of(file).file))),
            "state" => text(all().map(|file| Some(file.state.name()))),
            "cause" => text(all().map(|file| file.cause.map(Cause::name))),
            "named_at" => time(all().map(|file| of(file).named_at)),
            "spans" => number(all().map(|file| keys(file).map(|_| of(file).rows.cast_signed()))),
            "traces" => number(all().map(|file| keys(file).map(|keys| keys.traces.count.cast_signed()))),
            "workflows" => number(all().map(|file| keys(file).map(|keys| sum(keys, |part| part.workflows)))),
            "agents" => number(all().map(|file| keys(file).map(|keys| sum(keys, |part| part.agents)))),
            "services" => text(all().map(|file| keys(file).map(services_of))),
            "path" => text(
                all()
                    .map(|file| indexed(file).map(|file| &file.path).or(failed(file).map(|file| &file.path))),
            ),
            "indexed_at" => time(all().map(|file| indexed(file)?.indexed_at)),
            "difference" => text(all().map(|file| difference(indexed(file)?, of(file)))),
            "error_type" => text(all().map(|file| failed(file).map(|file| &file.error_type))),
            "error_message" => text(all().map(|file| failed(file).map(|file| &file.error_message))),
            "failed_at" => time(all().map(|file| failed(file)?.failed_at)),
            _ => return None,
        })
    })
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
    let mut found: Vec<Difference> = Vec::new();
    if let Some(visibility) = sources.visibility().await? {
        let judged = sources.judged().await?;
        let evidence = Sources::evidence(&judged);
        let upgrade = Upgrade::of(&visibility, &judged.judgement.files);
        for file in visibility.cold.iter().filter(|file| file.state == State::Indexed) {
            let record = &judged.judgement.files[file.record];
            let (Some(keys), Some(place)) = (&record.index_keys, file.indexed) else { continue };
            compare_services(&visibility.index, place, record, keys, &upgrade, &mut found);
            let index = &visibility.index;
            let traces_differ = index.files[place as usize].traces != keys.traces;
            let lacks_llm =
                |part: &ServiceKeys| part.llm_traces.iter().any(|digest| !index.has_llm_trace(*digest));
            if traces_differ || keys.services.iter().any(lacks_llm) {
                let Some(file) = evidence.get(record.file.as_str()) else { continue };
                compare_traces(sources, file, index, place, record, &mut found).await?;
            }
        }
    }
    table("index_differences", found.len(), |column| {
        let all = || found.iter();
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
    })
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
    let file: Arc<str> = record.file.as_str().into();
    let mut note = |entry, is_missing, name: &Arc<str>, spans| {
        found.push(Difference {
            file: Arc::clone(&file),
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
    let opened = open(file);
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
