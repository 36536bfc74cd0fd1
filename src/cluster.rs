//! Audits on a cluster of Apache Ballista: its scheduler and its executors, run by this program, and jobs for them.
//!
//! A job is one stage without a shuffle: a scan whose files are cold files, and whose rows are the messages of
//! [`crate::judge::engine`]. It is submitted as a physical plan, and its leaf is a `FileScanConfig`, because these alone
//! are divided among tasks: of any other leaf, each task runs all of it. Whoever can reach the scheduler may run jobs:
//! none of this asks for credentials, and all of it belongs on a trusted network.

use std::sync::Arc;

use ballista_core::extension::SessionConfigExt;
use datafusion::prelude::SessionConfig;

use self::codec::Codec;

mod address;
mod codec;
mod executor;
mod messages;
mod scan;
mod scheduler;
mod standalone;
mod submit;

pub(crate) use self::{
    address::{ClusterAddress, SchedulerAddress},
    executor::{ExecutorOptions, run as run_executor},
    scheduler::{SchedulerOptions, run as run_scheduler},
    submit::engine,
};

/// A plan names all files of a store; a message holds what a batch of rows says.
const MOST_BYTES: usize = 1 << 30;

/// How often executors say that they live, in seconds.
const HEARTBEAT: u64 = 3;

/// After which silence an executor's tasks are given to others.
const SILENCE: u64 = 20;

/// How often that is looked at.
const LOOK: u64 = 2;

fn session_config(codec: &Arc<Codec>) -> SessionConfig {
    SessionConfig::new_with_ballista()
        .with_ballista_physical_extension_codec(Arc::<Codec>::clone(codec))
        .with_ballista_grpc_client_max_message_size(MOST_BYTES)
        .with_ballista_job_name("audit")
}
