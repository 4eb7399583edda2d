//! The shell around the engine.
#![allow(dead_code)]
mod counters;
mod host;
mod journal;
mod permits;
mod signal;
pub use counters::CommitStats;
pub use host::Host;
