//! The one door between dialects and the database.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;

use crate::{
    Archive, ArchiveOf, ByteSource, Command, Error, Outcome, Query, Reply, SnapshotRecovery,
};

/// A future on the heap. `Send` on every target: single-threaded hosts wrap theirs.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries out commands and answers queries; dialects know nothing else of the database.
pub trait Executor: Send + Sync {
    /// Carries out `command`. `Ok` means that it is durable and, for
    /// [`Visibility::Applied`](crate::Visibility::Applied), visible to every later query.
    ///
    /// # Errors
    /// Nothing has changed, unless the kind is `Timeout` or `Unavailable`, whose outcome is
    /// unknown to the caller (a retry is safe: every command is idempotent).
    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Outcome, Error>>;

    /// Answers `query` from one consistent state per collection.
    ///
    /// # Errors
    /// As the query's variant says; a failed query changes nothing.
    fn query(&self, query: Query) -> BoxFuture<'_, Result<Reply, Error>>;

    /// Opens an archive for reading.
    ///
    /// # Errors
    /// `NotFound` about the scope or the snapshot.
    fn archive(&self, of: ArchiveOf) -> BoxFuture<'_, Result<Archive, Error>>;

    /// Brings back the state that `archive` holds. It happens in one step, whenever the machine
    /// may stop: before it the old state is there, after it the new one. It is read to its end
    /// when the reply comes, whoever waits.
    ///
    /// Replies `Outcome::Done`, or `Outcome::Accepted` when nobody waits.
    ///
    /// # Errors
    /// `Invalid` when the archive is none, is damaged, cut short, of another checksum than was
    /// asked for, or does not fit `into`; nothing has changed then.
    fn recover(
        &self,
        recovery: SnapshotRecovery,
        archive: Box<dyn ByteSource>,
    ) -> BoxFuture<'_, Result<Outcome, Error>>;
}
