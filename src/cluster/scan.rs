//! The leaf of a job: cold files, each read as the messages of what it says.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use datafusion::{
    common::tree_node::TreeNodeRecursion,
    datasource::{
        listing::PartitionedFile,
        physical_plan::{
            FileGroup, FileOpenFuture, FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource,
        },
        source::DataSourceExec,
        table_schema::TableSchema,
    },
    error::{DataFusionError, Result},
    execution::object_store::ObjectStoreUrl,
    physical_expr::PhysicalExpr,
    physical_plan::{ExecutionPlan, metrics::ExecutionPlanMetricsSet},
};
use futures::{StreamExt, stream};
use object_store::ObjectStore;

use super::messages;
use crate::{
    base::{memory::Memory, own_thread},
    contract::digest::hash,
    judge::{engine::file::JobFile, sweep::task::Judge},
    store::session,
};

/// More do not make a job faster, and each has its own file of results.
const MOST_GROUPS: usize = 256;

/// Files by partition.
pub(super) type Groups = Vec<Vec<JobFile>>;

/// What executors know of jobs: the last specification, ready to judge by.
pub(super) struct Judges {
    memory: Memory,
    last: Mutex<Option<(u64, Arc<Judge>)>>,
}

impl Judges {
    pub(super) fn new(memory: Memory) -> Arc<Self> {
        Arc::new(Self { memory, last: Mutex::default() })
    }

    fn of(&self, specification: &[u8]) -> anyhow::Result<Arc<Judge>> {
        let digest = hash(specification);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, judge)) = last.as_ref().filter(|(known, _)| *known == digest) {
            return Ok(Arc::clone(judge));
        }
        let session = session::session(self.memory.session())?;
        let judge = Arc::new(Judge::new(specification, self.memory, session.task_ctx())?);
        *last = Some((digest, Arc::clone(&judge)));
        Ok(judge)
    }
}

impl fmt::Debug for Judges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judges")
    }
}

#[derive(Debug, Clone)]
pub(super) struct JudgeSource {
    pub(super) specification: Arc<Vec<u8>>,
    judges: Arc<Judges>,
    schema: TableSchema,
    metrics: ExecutionPlanMetricsSet,
}

impl FileSource for JudgeSource {
    fn create_file_opener(
        &self,
        _store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let (specification, judges) = (Arc::clone(&self.specification), Arc::clone(&self.judges));
        Ok(Arc::new(JudgeOpener { specification, judges }))
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, _rows: usize) -> Arc<dyn FileSource> {
        Arc::new(self.clone())
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &'static str {
        "cold"
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn apply_expressions(
        &self,
        _apply: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
}

struct JudgeOpener {
    specification: Arc<Vec<u8>>,
    judges: Arc<Judges>,
}

impl FileOpener for JudgeOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let named = file.extension::<JobFile>().cloned();
        let file = named.ok_or_else(|| DataFusionError::Internal("a file without a name".to_owned()))?;
        let (specification, judges) = (Arc::clone(&self.specification), Arc::clone(&self.judges));
        Ok(Box::pin(async move {
            let worker = own_thread::start(async move {
                let judge = judges.of(&specification)?;
                anyhow::Ok(judge.judge(&file).await)
            });
            let result = worker.await.map_err(|_| execution("the judge of a file ended before its work"))?;
            // What is wrong with a specification is wrong on every executor: it is not tried again.
            let messages = result.map_err(|err| execution(&format!("{err:#}")))?;
            Ok(stream::iter(messages::batches(&messages)?.into_iter().map(Ok)).boxed())
        }))
    }
}

fn execution(what: &str) -> DataFusionError {
    DataFusionError::Execution(what.to_owned())
}

/// Files in groups of about the same size, of which each is one partition.
pub(super) fn groups(mut files: Vec<JobFile>) -> Groups {
    let mut groups = vec![(0, Vec::new()); files.len().min(MOST_GROUPS)];
    files.sort_by_key(|file| std::cmp::Reverse(file.size));
    for file in files {
        let Some((bytes, group)) = groups.iter_mut().min_by_key(|(bytes, _)| *bytes) else { break };
        *bytes += file.size.max(1);
        group.push(file);
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

pub(super) fn scan(specification: Vec<u8>, groups: Groups, judges: &Arc<Judges>) -> Arc<dyn ExecutionPlan> {
    let source = JudgeSource {
        specification: Arc::new(specification),
        judges: Arc::clone(judges),
        schema: messages::schema().into(),
        metrics: ExecutionPlanMetricsSet::new(),
    };
    let file = |file: JobFile| PartitionedFile::new(file.number.to_string(), file.size).with_extension(file);
    let group = |group: Vec<JobFile>| FileGroup::new(group.into_iter().map(file).collect());
    let groups = groups.into_iter().map(group).collect();
    // Of another store than that of this machine, executors take the address from the file itself.
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source));
    DataSourceExec::from_data_source(config.with_file_groups(groups).build())
}

/// The specification and the files of a leaf, if it is one of ours.
pub(super) fn parts(plan: &dyn ExecutionPlan) -> Option<(Arc<Vec<u8>>, Groups)> {
    let config = plan.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<FileScanConfig>()?;
    let source = config.file_source().downcast_ref::<JudgeSource>()?;
    let file = |file: &PartitionedFile| file.extension::<JobFile>().cloned();
    let group = |group: &FileGroup| group.files().iter().map(file).collect::<Option<Vec<_>>>();
    let groups = config.file_groups.iter().map(group).collect::<Option<Vec<_>>>()?;
    Some((Arc::clone(&source.specification), groups))
}
