//! The log of one shard: one create-only object per commit, nothing else to agree on.
//!
//! Commit `n` is the object `{prefix}/log/{n:020}`. The store creates it for exactly one writer,
//! so the numbers order all commits, and a commit is durable and visible when its object is.
//! Three things make that true in the real world:
//!
//! * **Lost acknowledgements.** A store (or a client of it) may write the object and report
//!   failure, or retry on its own and report a conflict with itself. Every entry carries a 128-bit
//!   nonce of its writer; whenever an answer is not a plain success, the object is read back and
//!   the nonces are compared ([`Log::append`], [`Log::settle`]).
//! * **Reused names.** Once old entries are deleted, a writer that slept through the deletion can
//!   create a deleted number again and believe that it committed. Before deleting, the collector
//!   raises a durable *boundary* below which no commit counts; every writer reads it after its
//!   create and before it acknowledges, every replay reads it after its last probe
//!   ([`Boundary`]).
//! * **Damage.** Each entry ends in a CRC32C and names its parent by nonce and CRC. A replay stops
//!   at the first entry that fails a check and says which was the last good one
//!   ([`LogError::Damaged`]). A torn last entry gets no special treatment: stores create objects
//!   whole or not at all, so an entry that exists was complete once, may have been acknowledged,
//!   and must not be dropped in silence.

mod appender;
mod begin;
mod boundary;
mod entry;
mod error;
mod replay;

pub use appender::{Log, Recovery};
pub use begin::begin;
pub use boundary::Boundary;
pub use entry::{Entry, EntryDefect, EntryKind, Link, Nonce, Position};
pub use error::{Damage, LogError};
pub use replay::{Origin, Replay};

pub(crate) use boundary::FOLDER as BOUNDARY;
pub(crate) use entry::Fields;

pub(crate) const LOG: &str = "log";
