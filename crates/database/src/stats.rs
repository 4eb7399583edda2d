//! What a database tells about itself, for metrics and for people.

use model::{CollectionName, Status};

pub use crate::counters::CommitStats;

/// A database at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatabaseStats {
    /// Collections, open or not.
    pub collections: u64,
    /// Those that have been used since the start.
    pub open: Vec<CollectionStats>,
}

/// An open collection at one moment. Counters count from when it was opened.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectionStats {
    /// Its own name.
    pub name: CollectionName,
    /// Health.
    pub status: Status,
    /// Live points.
    pub points: u64,
    /// Growing and sealed segments.
    pub segments: u64,
    /// Live vectors that an index covers.
    pub indexed_vectors: u64,
    /// Live rows that are not sealed yet.
    pub growing_rows: u64,
    /// Bytes that they take in memory.
    pub growing_bytes: u64,
    /// Log entries after the last checkpoint: what a restart replays.
    pub log_tail: u64,
    /// Bytes of the part files in use.
    pub part_bytes: u64,
    /// Writes that wait to be committed.
    pub waiting: u64,
    /// Commits.
    pub commits: CommitStats,
    /// Background work.
    pub upkeep: UpkeepStats,
}

/// Background work of one collection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpkeepStats {
    /// Jobs that run now.
    pub running: Vec<JobStats>,
    /// Jobs done, by kind, in the order in which kinds were first seen.
    pub done: Vec<(&'static str, u64)>,
    /// Jobs that failed and are tried again.
    pub failed: u64,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Objects removed: log entries, checkpoints and part files.
    pub removed: u64,
}

/// A job that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct JobStats {
    /// What it does: `seal`, `merge`, `columns` or `graphs`.
    pub kind: &'static str,
    /// Units done; rows, as a rule.
    pub done: u64,
    /// Units in all; 0 while unknown.
    pub total: u64,
    /// Milliseconds since it began.
    pub running_ms: u64,
}
