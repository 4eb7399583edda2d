//! What the database asks of its surroundings: time, chance, and someone to do work.

use model::{BoxFuture, ByteSource, Error, SnapshotLocation};

/// A clock, a source of randomness and a scheduler.
///
/// The database has none of these itself, so that it runs the same on a server, in a worker, in a
/// browser and in a simulation whose every step can be repeated.
pub trait Host: Send + Sync + 'static {
    /// Milliseconds since 1970 by the wall clock, which may jump. Names objects and tells their
    /// age.
    fn unix_ms(&self) -> u64;

    /// Microseconds since a fixed moment by a clock that never runs backwards. Measures.
    fn monotonic_us(&self) -> u64;

    /// 128 fresh random bits. Names attempts to commit, so two calls anywhere in the world must
    /// not give the same.
    fn random(&self) -> u128;

    /// Runs `task` to its end beside everything else. It must not be dropped before it ends while
    /// the process goes on to use the database.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Ends `ms` milliseconds from now, or a little later.
    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()>;

    /// Runs `work`, which keeps a processor busy for seconds or minutes, where it holds up nobody:
    /// natively on a thread of low priority. A host without threads runs it in place.
    fn run_heavy(&self, work: Box<dyn FnOnce() + Send>);

    /// Opens what lies at `location`, outside of the database, for reading.
    ///
    /// # Errors
    /// `Unsupported` where the host reaches nothing of the kind, as every host may say;
    /// `Invalid` when there is nothing to be read.
    fn fetch(
        &self,
        location: SnapshotLocation,
    ) -> BoxFuture<'static, Result<Box<dyn ByteSource>, Error>> {
        let refusal = Error::unsupported(format!("nothing can be fetched from {location:?} here"));
        Box::pin(std::future::ready(Err(refusal)))
    }
}
