//! What a log says when it cannot go on, and what its user does then.

use std::sync::Arc;

use model::{ErrorKind, Subject};
use thiserror::Error;

use super::entry::EntryDefect;
use crate::blob_error::BlobError;

/// Damage found in a log: entry `last_good + 1` is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("log entry {} is damaged: {defect}; the last good entry is {last_good}", last_good + 1)]
pub struct Damage {
    /// Everything up to this entry was read and checked.
    pub last_good: u64,
    /// What is wrong with the next one.
    pub defect: EntryDefect,
}

/// Why a call to the log failed.
#[derive(Clone, Debug, Error)]
pub enum LogError {
    /// A stored entry fails its checks. The shard serves reads as of `last_good` and refuses
    /// writes; nothing is guessed or skipped.
    #[error(transparent)]
    Damaged(Damage),
    /// No checkpoint can be read from which the remaining log could be replayed.
    #[error("no readable checkpoint reaches the log, whose first entry is {first_entry}")]
    NoCheckpoint {
        /// Lowest entry that still exists.
        first_entry: u64,
    },
    /// Another writer committed entry `n`. This attempt was not written and never will be. Catch
    /// up with [`Log::into_replay`](super::Log::into_replay) and try again, or step down.
    #[error("another writer (epoch {epoch}) committed entry {n}")]
    SteppedDown {
        /// The contested number.
        n: u64,
        /// Epoch of the writer that won.
        epoch: u64,
    },
    /// The log moved on, and entry `n` lies below the boundary of the collector: this writer or
    /// reader slept for long. Recover from the newest checkpoint. Whether an attempt in flight
    /// was committed before is unknown.
    #[error("entry {n} is below the boundary {boundary}: the log moved on without this process")]
    Behind {
        /// The number that was tried or read.
        n: u64,
        /// Entries below this one do not count.
        boundary: u64,
    },
    /// The store did not say whether entry `n` was written. Nothing can be appended before
    /// [`Log::settle`](super::Log::settle) has found out.
    #[error("it is not known yet whether entry {n} was written: {source}")]
    InDoubt {
        /// The number that was tried.
        n: u64,
        /// The last failure.
        source: Arc<BlobError>,
    },
    /// An entry of more than 1 GiB. Nothing was written.
    #[error("a commit must not be larger than 1 GiB")]
    TooLarge,
    /// The store refused; nothing was written or changed.
    #[error(transparent)]
    Store(Arc<BlobError>),
}

impl From<BlobError> for LogError {
    fn from(error: BlobError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<LogError> for model::Error {
    fn from(error: LogError) -> Self {
        let kind = match &error {
            LogError::Damaged(_) | LogError::NoCheckpoint { .. } => ErrorKind::Corrupt,
            LogError::SteppedDown { .. } => ErrorKind::ReadOnly,
            LogError::Behind { .. } | LogError::InDoubt { .. } => ErrorKind::Unavailable,
            LogError::TooLarge => ErrorKind::Invalid,
            LogError::Store(source) => match source.kind() {
                crate::BlobErrorKind::Full => ErrorKind::StorageFull,
                crate::BlobErrorKind::NotFound | crate::BlobErrorKind::Corrupt => {
                    ErrorKind::Corrupt
                }
                crate::BlobErrorKind::Conflict => ErrorKind::ReadOnly,
                crate::BlobErrorKind::Unavailable => ErrorKind::Unavailable,
                crate::BlobErrorKind::Unsupported => ErrorKind::Unsupported,
            },
        };
        Self::new(kind, Subject::Storage, error.to_string())
    }
}
