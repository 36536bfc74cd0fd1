//! The stand-in: an imitation of the studio's ingestion service inside this process.
//!
//! Does on the wire and on disk what the storage contract says of the real one (sections 1 to 5),
//! its losses and wedges included, so that first runs and tests need no studio. It writes only into
//! a folder of its own and shares no code with the reader of the store, the mapping of a span apart.
//! Memory backpressure is a fault, as everything is that the real service does not do by itself.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tonic::service::Routes;

pub(crate) use self::wal::Unwritten;
use self::{
    auth::KeyValidation,
    discard::Discard,
    faults::{Faults, Strikes, spec::FaultSpec},
    folder::Folder,
    host::Host,
    indexer::Indexer,
    ingest::Ingest,
    internal::Internal,
    storage::Storage,
};
use crate::contract::schema::Schema;

mod auth;
mod cold;
mod discard;
mod durable;
pub(crate) mod faults;
mod folder;
mod host;
pub(crate) mod indexer;
mod ingest;
mod internal;
mod recent;
mod storage;
#[cfg(test)]
mod tests;
mod wal;

/// What a stand-in serves, where, and when it writes.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Absent, empty, or used by a stand-in before.
    pub(crate) data_dir: PathBuf,
    /// 0 takes a free port from the system.
    pub(crate) port: u16,
    pub(crate) internal_port: u16,
    pub(crate) api_key: String,
    /// Without a token the internal port answers everyone, as it did up to studio 0.81.
    pub(crate) internal_token: Option<String>,
    pub(crate) schema: Schema,
    pub(crate) batch_size: usize,
    pub(crate) flush_max_bytes: u64,
    pub(crate) flush_max_age: Duration,
    /// Whether to keep an index as the studio's backend does.
    pub(crate) index: bool,
    /// Whether acked spans outlive a stop, and a damaged segment blocks nothing. No studio is so.
    pub(crate) durable: bool,
    pub(crate) faults: Vec<FaultSpec>,
    /// Of the faults' dice.
    pub(crate) seed: u64,
    /// Whoever holds it holds flushes back.
    #[cfg(test)]
    pub(crate) flush_gate: Arc<std::sync::Mutex<()>>,
}

impl Config {
    /// A studio's own limits, on free ports and without an internal token.
    pub(crate) fn new(data_dir: PathBuf, api_key: String, schema: Schema) -> Self {
        Self {
            data_dir,
            port: 0,
            internal_port: 0,
            api_key,
            internal_token: None,
            schema,
            batch_size: 1000,
            flush_max_bytes: 25 * 1024 * 1024,
            flush_max_age: Duration::from_hours(1),
            index: false,
            durable: false,
            faults: Vec::new(),
            seed: 0,
            #[cfg(test)]
            flush_gate: Arc::default(),
        }
    }
}

/// A running stand-in. Dropping it stops it, too, but does not wait for the end.
#[derive(Debug)]
pub(crate) struct StandIn {
    config: Config,
    folder: Folder,
    faults: Arc<Faults>,
    service: Service,
}

/// One life of the process in whose place a stand-in is.
#[derive(Debug)]
struct Service {
    host: Host,
    storage: Arc<Storage>,
    endpoint: SocketAddr,
    internal_endpoint: SocketAddr,
    indexer: Option<Arc<Mutex<Indexer>>>,
}

/// Starts a stand-in on the loopback interface; both ports answer when this returns.
pub(crate) fn start(config: Config) -> anyhow::Result<StandIn> {
    let folder = Folder::claim(&config.data_dir)?;
    let faults = Arc::new(Faults::new(&config.faults, config.seed));
    let service = Service::start(&folder, &config, &faults)?;
    Ok(StandIn { config, folder, faults, service })
}

impl Service {
    fn start(folder: &Folder, config: &Config, faults: &Arc<Faults>) -> anyhow::Result<Self> {
        let storage = Arc::new(Storage::open(folder.clone(), config, Arc::clone(faults))?);
        let mut host = Host::new()?;
        let ingest = Ingest::new(Arc::clone(&storage), Arc::clone(faults), &config.api_key, config.schema);
        let internal = Internal::new(Arc::clone(&storage), config.internal_token.clone());
        let endpoint = host.serve(config.port, ingest.into_routes())?;
        let internal_endpoint = host.serve(config.internal_port, internal.into_routes())?;
        host.spawn(Arc::clone(&storage).tend());
        let indexer = || Indexer::with_faults(folder.root(), config.schema, Arc::clone(faults));
        let indexer = config.index.then(indexer).transpose()?;
        let indexer = indexer.map(|indexer| Arc::new(Mutex::new(indexer)));
        if let Some(indexer) = &indexer {
            host.spawn(indexer::poll(Arc::clone(indexer)));
        }
        Ok(Self { host, storage, endpoint, internal_endpoint, indexer })
    }
}

impl StandIn {
    /// Where OTLP is accepted.
    pub(crate) fn endpoint(&self) -> SocketAddr {
        self.service.endpoint
    }

    /// Where `FlushWAL` and `PrepareHotSnapshot` are answered.
    pub(crate) fn internal_endpoint(&self) -> SocketAddr {
        self.service.internal_endpoint
    }

    /// Runs the indexer until it finds no new file, as asking the studio to flush does for ten of them.
    pub(crate) async fn index(&self) -> anyhow::Result<()> {
        let Some(indexer) = self.service.indexer.clone() else { return Ok(()) };
        tokio::task::spawn_blocking(move || catch_up(&indexer)).await?
    }

    /// The data directory as an absolute path.
    pub(crate) fn data_dir(&self) -> &Path {
        self.folder.root()
    }

    /// What each fault did so far.
    pub(crate) fn strikes(&self) -> Vec<Strikes> {
        self.faults.strikes()
    }

    /// Ends the stand-in as SIGTERM ends the studio: connections break, and what was acked but
    /// not yet in a segment is gone. A durable one refuses further exports and flushes first.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Option<Unwritten>> {
        if self.config.durable {
            self.service.storage.close().await?;
        }
        self.service.host.stop().await?;
        Ok(self.service.storage.unwritten().await)
    }

    /// Starts again what a fault has ended, and returns only when a server has failed.
    pub(crate) async fn wait(&mut self) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                failed = self.service.host.wait() => return failed,
                () = self.faults.crashed() => self.restart().await?,
            }
        }
    }

    async fn restart(&mut self) -> anyhow::Result<()> {
        self.service.host.stop().await?;
        self.faults.note_lost(&self.service.storage.pending().await);
        let [port, internal_port] = [self.endpoint(), self.internal_endpoint()].map(|address| address.port());
        let config = Config { port, internal_port, ..self.config.clone() };
        self.service = Service::start(&self.folder, &config, &self.faults)?;
        Ok(())
    }
}

fn catch_up(indexer: &Mutex<Indexer>) -> anyhow::Result<()> {
    indexer.lock().unwrap_or_else(PoisonError::into_inner).catch_up()
}

/// One server by itself.
#[derive(Debug)]
pub(crate) struct Single {
    host: Host,
    endpoint: SocketAddr,
}

/// Starts `InternalAuthService` for one key on the loopback interface.
pub(crate) fn start_auth_only(
    port: u16,
    api_key: String,
    internal_token: Option<String>,
) -> anyhow::Result<Single> {
    let mut host = Host::new()?;
    let endpoint = host.serve(port, KeyValidation::new(api_key, internal_token).into_routes())?;
    Ok(Single { host, endpoint })
}

/// Starts a sink that acks every export, keeps nothing and asks for no key.
pub(crate) fn start_discarding(port: u16) -> anyhow::Result<Single> {
    let mut host = Host::new()?;
    let endpoint = host.serve(port, Routes::new(Discard))?;
    Ok(Single { host, endpoint })
}

impl Single {
    pub(crate) fn endpoint(&self) -> SocketAddr {
        self.endpoint
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.host.stop().await
    }

    /// Returns only when the server has failed.
    pub(crate) async fn wait(&mut self) -> anyhow::Result<()> {
        self.host.wait().await
    }
}
