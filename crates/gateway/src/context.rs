//! What the host lends to the gateway: a clock, its metrics, facts about the build.

use std::sync::Arc;

use bytes::Bytes;
use model::{BoxFuture, ByteSource, Error};

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

    /// How much the host logs; `None` where it has no log that can be steered.
    fn log_level(&self) -> Option<LogLevel> {
        None
    }

    /// From now on the host logs what is of `level` and what is worse. Gives whether it does;
    /// `false` where [`MetricsSource::log_level`] is `None`.
    fn set_log_level(&self, level: LogLevel) -> bool {
        let _ = level;
        false
    }
}

/// How bad a thing must be to be logged, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What helps to find faults.
    Debug,
    /// What is worth knowing.
    Info,
    /// What may become a fault.
    Warning,
    /// Faults.
    Error,
    /// Nothing.
    Silent,
}

/// Files of the machine, where the host has some to lend. Paths are as callers give them; one that
/// the host does not let them use is `Invalid`.
pub trait Files: Send + Sync {
    /// Whether there is anything at `path`.
    ///
    /// # Errors
    /// `Invalid` when the path is not to be used.
    fn exists<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<bool, Error>>;

    /// Makes a directory, and those that it lies in.
    ///
    /// # Errors
    /// `Invalid` when that cannot be; those of the file system.
    fn create_directory<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Adds `bytes` to the end of a file, which is made if it is not there.
    ///
    /// # Errors
    /// As [`Files::create_directory`].
    fn append<'a>(&'a self, path: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), Error>>;

    /// The content of a file, piece by piece; `None` when there is no such file.
    ///
    /// # Errors
    /// As [`Files::create_directory`].
    fn open<'a>(
        &'a self,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Option<Box<dyn ByteSource>>, Error>>;
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
    /// Files, if requests may use any.
    pub files: Option<Arc<dyn Files>>,
}
