//! The one place that joins everything: a store and a host in, a gateway with every dialect out.
//!
//! Adapters (the server, a worker, a browser) see this crate and nothing behind it; what they need
//! of the others is re-exported here.

use std::sync::Arc;

pub use database::{
    CollectionStats, CommitStats, Database, DatabaseStats, Host, JobStats, Options, Paging,
    Placing, SyncProgress, UpkeepStats, list_objects, sync,
};
pub use dialects::all as dialects;
pub use gateway;
pub use gateway::{Build, Clock, MetricsSource};
pub use model;
pub use model::{BoxFuture, CollectionName, Error, Status};
pub use storage;
pub use storage::BlobStore;

use gateway::{Context, Files, Gateway, Resources};

/// Settings of an [`App`].
#[derive(Clone)]
pub struct Config {
    /// Of the database. Where bytes live is asked of the dialects, whatever is set here.
    pub database: Options,
    /// Of the gateway: keys, limits, origins.
    pub gateway: gateway::Config,
    /// What is running.
    pub build: Build,
    /// What the host tells about itself.
    pub metrics: Arc<dyn MetricsSource>,
    /// Files that requests may read and write, if any.
    pub files: Option<Arc<dyn Files>>,
}

impl Default for Config {
    /// No keys, usual limits, no files, a host that tells little and is always ready.
    fn default() -> Self {
        Self {
            database: Options::default(),
            gateway: gateway::Config::default(),
            build: Build::default(),
            metrics: Arc::new(Terse),
            files: None,
        }
    }
}

/// A host that tells of itself what any can.
struct Terse;

impl MetricsSource for Terse {
    fn metrics(&self) -> String {
        String::new()
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn resources(&self) -> Resources {
        Resources {
            resident_bytes: module_bytes(),
            ..Resources::default()
        }
    }
}

/// Bytes of the memory of this module of WebAssembly, if it is one.
fn module_bytes() -> Option<u64> {
    /// As WebAssembly has it.
    #[cfg(target_family = "wasm")]
    const PAGE_BYTES: u64 = 64 << 10;
    #[cfg(target_family = "wasm")]
    return Some(core::arch::wasm32::memory_size::<0>() as u64 * PAGE_BYTES);
    #[cfg(not(target_family = "wasm"))]
    None
}

/// The clock of the database's host, as the gateway wants it.
struct HostClock(Arc<dyn Host>);

impl Clock for HostClock {
    fn now_micros(&self) -> u64 {
        self.0.monotonic_us()
    }

    fn unix_ms(&self) -> u64 {
        self.0.unix_ms()
    }
}

/// Where the bytes of a collection should live, as the dialect says that its settings are in.
fn placement(schema: &model::Schema) -> model::Placement {
    let said = dialects::all().iter();
    said.filter_map(|dialect| dialect.placement(schema))
        .next()
        .unwrap_or_default()
}

/// An open database with every dialect in front of it.
pub struct App {
    database: Arc<Database>,
    gateway: Arc<Gateway>,
}

impl App {
    /// Opens the database in `store`, or begins one there.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub async fn open(
        store: Arc<dyn BlobStore>,
        host: Arc<dyn Host>,
        config: Config,
    ) -> Result<Self, Error> {
        let Config {
            database,
            gateway,
            build,
            metrics,
            files,
        } = config;
        let database = Options {
            placing: Placing(placement),
            ..database
        };
        let database = Database::open(store, Arc::clone(&host), database).await?;
        let context = Context {
            clock: Arc::new(HostClock(host)),
            metrics,
            build,
            files,
        };
        let executor: Arc<dyn model::Executor> = Arc::clone(&database) as _;
        let gateway = Gateway::new(executor, dialects::all(), context, gateway);
        Ok(Self { database, gateway })
    }

    /// The database.
    pub fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }

    /// The gateway, which gives listeners.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Finishes what was asked for and closes the database. Requests that come later are refused,
    /// but for queries.
    ///
    /// # Errors
    /// As [`Database::close`].
    pub async fn close(&self) -> Result<(), Error> {
        self.database.close().await
    }
}

/// Names of the dialects of this build, in the order of their chapters in the manual.
pub fn dialect_names() -> Vec<&'static str> {
    dialects::all()
        .iter()
        .map(|dialect| dialect.name())
        .collect()
}
