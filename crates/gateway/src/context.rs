//! What the host lends to the gateway: a clock, its metrics, facts about the build.

use std::sync::Arc;

/// The clocks of the host.
pub trait Clock: Send + Sync {
    /// Microseconds since a fixed moment, by a clock that never runs backwards.
    fn now_micros(&self) -> u64;

    /// Milliseconds since 1970, by the wall clock.
    fn unix_ms(&self) -> u64;
}

/// What the host tells about itself.
pub trait MetricsSource: Send + Sync {
    /// The metrics of the host in the Prometheus text format, each line ended. The gateway adds
    /// its own.
    fn metrics(&self) -> String;

    /// Whether requests can be answered: recovery is over and nothing is being closed.
    fn is_ready(&self) -> bool;

    /// Memory and disk, as far as the host can tell.
    fn resources(&self) -> Resources {
        Resources::default()
    }

    /// When the host started, as RFC 3339 writes it; `None` where it has no calendar.
    fn started_at(&self) -> Option<String> {
        None
    }
}

/// Memory and disk, as far as the host can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Bytes of this process that are resident, mapped files included.
    pub resident_bytes: Option<u64>,
    /// Bytes of them that no file stands behind.
    pub anonymous_bytes: Option<u64>,
    /// Bytes of memory that this process could have.
    pub memory_bytes: Option<u64>,
    /// Bytes in use of the file system that the data lies on.
    pub disk_used_bytes: Option<u64>,
    /// Bytes of that file system.
    pub disk_bytes: Option<u64>,
    /// Processors that this process may use.
    pub processors: Option<u64>,
}

/// Facts about the running build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Version of Skerry.
    pub version: String,
    /// The commit it was built from, 40 hexadecimal digits; zeros when unknown.
    pub commit: String,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            commit: "0".repeat(40),
        }
    }
}

/// What the host lends, as handlers see it.
#[derive(Clone)]
pub struct Context {
    /// Measures how long requests take.
    pub clock: Arc<dyn Clock>,
    /// Tells about the host.
    pub metrics: Arc<dyn MetricsSource>,
    /// What is running.
    pub build: Build,
}
