//! `skerry serve`: the database opened, its gateway on every port, and the orderly end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use app::gateway::{self, Gateway, Mount};
use storage_object::{memory_store, open_local};
use tokio::signal::unix::{SignalKind, signal};

use crate::host::NativeHost;
use crate::metrics::ServerMetrics;
use crate::settings::{Data, Durability, Endpoint, LogFormat, Settings};
use crate::transport::Transport;

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
    Signals(io::Error),
}
