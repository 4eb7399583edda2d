//! What a collection's background work is doing, and has done.

use alloc::string::String;
use alloc::vec::Vec;

/// Background work of one collection at one moment.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Upkeep {
    /// Under way.
    pub running: Vec<Task>,
    /// Due, and not begun.
    pub queued: Vec<PlannedTask>,
    /// Ended since the collection was opened, newest first; the oldest are forgotten.
    pub completed: Vec<Task>,
    /// Segments that nothing works on.
    pub idle: Vec<SegmentSize>,
}

/// A piece of background work.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Unique.
    pub id: u128,
    /// What it does, in one word.
    pub kind: &'static str,
    /// What it works on.
    pub segments: Vec<SegmentSize>,
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
    /// Units done; rows, as a rule.
    pub done: u64,
    /// Units in all; 0 while unknown.
    pub total: u64,
    /// `None` while it runs.
    pub end: Option<TaskEnd>,
}

/// How a piece of background work ended.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskEnd {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Why it did not come to its end, if it did not.
    pub failure: Option<TaskFailure>,
}

/// Why a piece of background work did not come to its end.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskFailure {
    /// It was told to stop.
    Cancelled(String),
    /// It could not go on; it is tried again later.
    Error(String),
}

/// Background work that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedTask {
    /// What it will do, in one word.
    pub kind: &'static str,
    /// What it will work on.
    pub segments: Vec<SegmentSize>,
}

/// A segment and its live points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSize {
    /// Unique in the collection. Segments of growing rows are numbered from 0.
    pub id: u128,
    /// Live points.
    pub points: u64,
}
