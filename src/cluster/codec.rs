//! Plans of jobs as bytes: the leaf is ours, all else is Ballista's.

use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::{
    error::{DataFusionError, Result},
    execution::TaskContext,
    physical_plan::ExecutionPlan,
};
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use super::scan::{self, Judges};
use crate::{base::memory::Memory, judge::engine::file::JobFile};

/// Begins a leaf of ours, before its length as it is read.
const MAGIC: &[u8; 8] = b"E2EJOB01";

/// Levels beyond it cost much more time than they save room.
const LEVEL: i32 = 1;

#[derive(Debug)]
pub(super) struct Codec {
    others: BallistaPhysicalExtensionCodec,
    judges: Arc<Judges>,
}

impl Codec {
    /// `memory` is for what an executor holds while it judges a file.
    pub(super) fn new(memory: Memory) -> Arc<Self> {
        let others = BallistaPhysicalExtensionCodec::default();
        Arc::new(Self { others, judges: Judges::new(memory) })
    }

    pub(super) fn judges(&self) -> &Arc<Judges> {
        &self.judges
    }
}

impl PhysicalExtensionCodec for Codec {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(bytes) = bytes.strip_prefix(MAGIC) else {
            return self.others.try_decode(bytes, inputs, context, converter);
        };
        let (length, bytes) = bytes.split_first_chunk().ok_or_else(damaged)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
        let bytes = zstd::bulk::decompress(bytes, length.min(super::MOST_BYTES))?;
        let (specification, groups): (String, Vec<Vec<JobFile>>) =
            serde_json::from_slice(&bytes).map_err(|err| DataFusionError::External(err.into()))?;
        Ok(scan::scan(specification.into_bytes(), groups, &self.judges))
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        out: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some((specification, groups)) = scan::parts(&*node) else {
            return self.others.try_encode(node, out, converter);
        };
        let specification = str::from_utf8(&specification).map_err(|_| damaged())?;
        let bytes = serde_json::to_vec(&(specification, groups))
            .map_err(|err| DataFusionError::External(err.into()))?;
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend(zstd::bulk::compress(&bytes, LEVEL)?);
        Ok(())
    }
}

fn damaged() -> DataFusionError {
    DataFusionError::Internal("a job's plan is damaged".to_owned())
}
