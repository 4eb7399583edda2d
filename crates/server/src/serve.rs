//! `skerry serve`: the database opened, its gateway on every port, and the orderly end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::gateway::{self, Keys, Mount};
use app::{App, Config, Options};

use crate::exchange::Exchange;
use crate::host::NativeHost;
use crate::metrics::ServerMetrics;
use crate::restore::StartSnapshots;
use crate::settings::{Data, Endpoint, LogFormat, Settings};
use crate::signals::Signals;
use crate::stores;
use crate::transport::Transport;

/// Growing rows of a collection are sealed at so many bytes, more than elsewhere: a server has the
/// memory, and a part that is written while clients upload makes their commits wait for the disk.
const SEAL_BYTES: u64 = 128 << 20;

/// Why the server did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data cannot be used.
    #[error("{data}: {cause}")]
    Data {
        /// The directory, or `memory:`.
        data: String,
        /// What is wrong.
        cause: app::Error,
    },
    /// A port cannot be listened on.
    #[error("{address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// Signals cannot be waited for.
    #[error("signals: {0}")]
    Signals(#[from] io::Error),
    /// A second signal came while the server was closing.
    #[error("interrupted while closing")]
    Interrupted,
}

/// Runs until the process is told to stop.
///
/// # Errors
/// When it cannot start, and when the database cannot be closed; what was acknowledged is safe.
pub async fn serve(settings: &Settings, snapshots: &StartSnapshots) -> Result<(), ServeError> {
    // Before anything else, so that a signal during recovery is not lost.
    let mut signals = Signals::new()?;
    let started = Instant::now();
    let data = |cause| ServeError::Data {
        data: settings.data.to_string(),
        cause,
    };
    let opened = stores::open(&settings.data, settings.durability).await;
    let store = opened.map_err(data)?;
    let host = Arc::new(NativeHost::new());
    let metrics = Arc::new(ServerMetrics::new(match &settings.data {
        Data::Directory(path) => Some(path.clone()),
        Data::Memory | Data::Bucket(_) => None,
    }));
    let config = config(settings, &metrics).map_err(data)?;
    let app = App::open(store, host, config).await.map_err(data)?;
    snapshots.bring_back(&app).await.map_err(data)?;
    metrics.watch(app.database());
    let transport = Transport::new();
    for (port, endpoint) in &settings.endpoints {
        let address = SocketAddr::new(settings.listen, *port);
        let listened = transport.listen(address, door(&app, endpoint)).await;
        listened.map_err(|cause| ServeError::Listen { address, cause })?;
    }
    announce(settings, started.elapsed());
    signals.next().await;
    tracing::info!("stopping: requests under way are answered, then the database is closed");
    metrics.stop();
    tokio::select! {
        closed = close(transport, &app) => closed.map_err(data),
        () = signals.next() => Err(ServeError::Interrupted),
    }
}

async fn close(transport: Transport, app: &App) -> Result<(), app::Error> {
    if !transport.close().await {
        tracing::warn!("some requests were not answered in time");
    }
    app.close().await?;
    tracing::info!("closed");
    Ok(())
}

/// # Errors
/// When there can be no directory for files where one was asked for.
fn config(settings: &Settings, metrics: &Arc<ServerMetrics>) -> Result<Config, app::Error> {
    let keys = Keys::new(settings.api_key.clone(), settings.read_only_api_key.clone())
        .with_alternative(settings.alt_api_key.clone());
    let keys = match settings.jwt_rbac {
        true => keys.with_tokens(),
        false => keys,
    };
    let files = match &settings.exchange_dir {
        None => None,
        Some(root) => Some(Arc::new(Exchange::open(root)?) as Arc<dyn gateway::Files>),
    };
    let mut database = Options::default();
    database.policy.seal_bytes = SEAL_BYTES;
    Ok(Config {
        files,
        database,
        gateway: gateway::Config {
            keys,
            ..gateway::Config::default()
        },
        metrics: Arc::clone(metrics) as _,
        ..Config::default()
    })
}

fn door(app: &App, endpoint: &Endpoint) -> gateway::Listener {
    let mount = match endpoint {
        Endpoint::Dialect(name) => Mount::Only(name),
        Endpoint::All { root } => Mount::Prefixed { root },
    };
    app.gateway()
        .listener(mount)
        .expect("settings name only interfaces of this build")
}

/// Says where the server listens and what to try.
fn announce(settings: &Settings, opened_in: Duration) {
    let url = |port: u16| format!("http://{}", SocketAddr::new(settings.listen, port));
    for name in &settings.missing {
        tracing::warn!("{name}: this interface is not in this build, nothing listens on its port");
    }
    if !settings.listen.is_loopback() && !settings.asks_for_keys() {
        tracing::warn!("without --api-key, everyone who can reach this address can do everything");
    }
    let opened_ms = opened_in.as_millis() as u64;
    let version = env!("CARGO_PKG_VERSION");
    match settings.log_format {
        LogFormat::Json => {
            for (port, endpoint) in &settings.endpoints {
                let (interface, url) = (endpoint.to_string(), url(*port));
                tracing::info!(version, data = %settings.data, interface, url, opened_ms, "ready");
            }
        }
        LogFormat::Text => {
            println!(
                "skerry {version}, data in {}, ready after {opened_ms} ms",
                settings.data
            );
            for (port, endpoint) in &settings.endpoints {
                println!("  {:<9} {}", endpoint.to_string(), url(*port));
            }
            let (port, _) = settings
                .endpoints
                .first()
                .expect("settings have an endpoint");
            let key = if settings.asks_for_keys() {
                " -H 'api-key: …'"
            } else {
                ""
            };
            println!("try: curl{key} {}/collections", url(*port));
        }
    }
}
