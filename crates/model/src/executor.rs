//! The one door between dialects and the database.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;

use crate::{Command, Error, Outcome, Query, Reply};

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
}
