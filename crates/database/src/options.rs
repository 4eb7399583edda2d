//! Settings of a database.

use std::fmt;

use engine::JobPolicy;
use model::{Placement, Schema};

/// Settings of a database; the defaults suit a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// When the engine's jobs are due. What it says of the present (`idle`, `log_entries`) is
    /// filled in by the database, and `idle_log_entries` is [`Self::log_tail_max`].
    pub policy: JobPolicy,
    /// Most heavy jobs (merging, building graphs) that run at once. Sealing does not count: it is
    /// quick, and writers may wait for it.
    pub heavy_jobs_max: usize,
    /// A collection without a write for so many milliseconds is idle, and its graphs are built.
    pub idle_ms: u64,
    /// Valid checkpoints that garbage collection leaves, with the log after the oldest of them.
    pub checkpoints_kept: usize,
    /// Log entries after the last checkpoint that make a new one worth while.
    pub log_tail_max: u64,
    /// A part file that no checkpoint names is removed when it is older than so many
    /// milliseconds: longer than any job takes, since another process may be building it.
    pub orphan_grace_ms: u64,
    /// Whether nothing is written to the store, no background work is done, and every change is
    /// refused: for a copy that belongs to somebody else.
    pub read_only: bool,
    /// How rows are read from a store that cannot map; `None`: they are all in memory.
    pub paging: Option<Paging>,
    /// Where the bytes of a collection should live.
    pub placing: Placing,
}

/// How rows are treated where there is not much memory: those that a search compares are read when
/// it does. Segments whose rows are read so are not rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// The vectors of a field with a graph are read by pages when they take more bytes than this
    /// in one segment.
    pub above_bytes: u64,
    /// Bytes of pages that are kept for the next searches.
    pub cache_bytes: u64,
    /// Most bytes of pages that one query or write may look at; what looks at more is refused.
    pub call_bytes_max: u64,
}

impl Default for Paging {
    /// For an isolate with 128 MB.
    fn default() -> Self {
        Self {
            above_bytes: 4 << 20,
            cache_bytes: 16 << 20,
            call_bytes_max: 24 << 20,
        }
    }
}

/// Tells where the bytes of a collection of a schema should live.
#[derive(Clone, Copy)]
pub struct Placing(pub fn(&Schema) -> Placement);

impl Placing {
    /// What it tells of `schema`.
    pub(crate) fn of(self, schema: &Schema) -> Placement {
        (self.0)(schema)
    }
}

impl Default for Placing {
    /// Nothing is said of any collection.
    fn default() -> Self {
        Self(|_| Placement::default())
    }
}

impl PartialEq for Placing {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for Placing {}

impl fmt::Debug for Placing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Placing")
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: JobPolicy::default(),
            heavy_jobs_max: 2,
            idle_ms: 500,
            checkpoints_kept: 2,
            log_tail_max: 256,
            orphan_grace_ms: 3_600_000,
            read_only: false,
            paging: None,
            placing: Placing::default(),
        }
    }
}
