//! A value, the log of its changes, and the one writer that keeps the two together.
//!
//! Vocabulary. A *state* is an immutable value. A *change* is what one caller asks for, all or
//! none. A *view* is a state with its place in the log; readers hold one and are never disturbed.
//! A *commit* is one log entry with the changes of everyone who waited.
//!
//! Everything that replaces the view goes through one queue and one *committer*, a future that
//! runs on the host while there is work and not at all otherwise. It never hangs on the future of
//! a caller, which disappears when a client hangs up. The committer applies the waiting changes to
//! a value that nobody sees yet, appends those that succeeded, and only then publishes; when the
//! append fails, it drops the value and nothing has happened.

mod committer;
mod queue;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures::channel::oneshot;
use model::{Error, ErrorKind, Subject};
use storage::log::{Log, Position};

use crate::counters::CommitCounters;
use crate::host::Host;
use committer::{Committer, Writer};
use queue::{Physical, Queue, Write};

/// A value that changes only by logged changes, and physically without being changed.
pub(crate) trait State: Clone + Send + Sync + 'static {
    /// What one caller asks for, all or none.
    type Change: Send + Sync + 'static;
    /// What the caller is told.
    type Answer: Send + 'static;

    /// The value after `change`. Pure: replaying a log must give the same value again. Called
    /// inside [`pages::complete`](crate::pages::complete).
    fn apply(&self, change: &Self::Change) -> Result<(Self, Self::Answer), Error>;

    /// The same value, laid out better for those who come next; `None` when it is well as it is.
    fn tidied(&self) -> Option<Self>;

    /// Whether changes must wait until background work has caught up.
    fn is_saturated(&self) -> bool;
}

/// A state and its place in the log.
pub(crate) struct View<S> {
    /// The state after every entry up to `position`.
    pub(crate) state: S,
    /// Its place.
    pub(crate) position: Position,
}

/// Why a view was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Callers changed something.
    Operations,
    /// Background work changed how the same answers are stored.
    Physical,
}

/// Called after every publication.
pub(crate) type OnPublish = Box<dyn Fn(Cause) + Send + Sync>;

/// A state with its log.
pub(crate) struct Journal<S: State> {
    host: Arc<dyn Host>,
    view: ArcSwap<View<S>>,
    queue: Mutex<Queue<S>>,
    /// Why nothing can be written any more.
    read_only: OnceLock<Error>,
    on_publish: OnPublish,
    counters: CommitCounters,
}

impl<S: State> Journal<S> {
    /// A journal at the end of `log`, whose state is `view`.
    pub(crate) fn open(
        host: Arc<dyn Host>,
        view: View<S>,
        log: Log,
        on_publish: OnPublish,
    ) -> Arc<Self> {
        Self::new(
            host,
            view,
            Some(Writer::new(log)),
            OnceLock::new(),
            on_publish,
        )
    }

    /// A journal that cannot be written, for the given reason.
    pub(crate) fn open_read_only(host: Arc<dyn Host>, view: View<S>, reason: Error) -> Arc<Self> {
        tracing::error!(%reason, "opened for reading only");
        let reason = refusal(&reason);
        Self::new(host, view, None, OnceLock::from(reason), Box::new(|_| {}))
    }

    /// A journal of a database that was opened for reading only.
    pub(crate) fn open_reader(host: Arc<dyn Host>, view: View<S>) -> Arc<Self> {
        let message = "the database was opened for reading only";
        let reason = Error::new(ErrorKind::ReadOnly, Subject::Storage, message);
        Self::new(host, view, None, OnceLock::from(reason), Box::new(|_| {}))
    }

    fn new(
        host: Arc<dyn Host>,
        view: View<S>,
        writer: Option<Writer<S>>,
        read_only: OnceLock<Error>,
        on_publish: OnPublish,
    ) -> Arc<Self> {
        Arc::new(Self {
            host,
            view: ArcSwap::from_pointee(view),
            queue: Mutex::new(Queue::new(writer)),
            read_only,
            on_publish,
            counters: CommitCounters::default(),
        })
    }

    /// The newest view.
    pub(crate) fn view(&self) -> Arc<View<S>> {
        self.view.load_full()
    }

    /// Why nothing can be written any more, if so.
    pub(crate) fn read_only(&self) -> Option<&Error> {
        self.read_only.get()
    }

    /// What has been committed so far.
    pub(crate) fn counters(&self) -> &CommitCounters {
        &self.counters
    }

    /// Commits `change`; `items` are its encoded operations. After `Ok` it is durable and visible.
    /// It goes on when this future is dropped.
    ///
    /// # Errors
    /// Those of [`State::apply`]; nothing was logged then. Those of the log: nothing has changed,
    /// unless `Unavailable`, after which it is unknown. `ReadOnly`.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        change: S::Change,
        items: Vec<Bytes>,
    ) -> Result<S::Answer, Error> {
        let (reply, answer) = oneshot::channel();
        let since_us = self.host.monotonic_us();
        self.enqueue(|queue| {
            queue.writes.push_back(Write {
                change,
                items,
                since_us,
                reply,
            })
        })?;
        answer.await.unwrap_or_else(|_| Err(broken()))
    }

    /// Replaces the state by one that answers every query alike: `install` gets the newest view.
    ///
    /// # Errors
    /// Those of `install`; `ReadOnly`.
    pub(crate) async fn install(
        self: &Arc<Self>,
        install: impl FnOnce(&View<S>) -> Result<S, Error> + Send + 'static,
    ) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let install = Box::new(install);
        self.enqueue(|queue| {
            queue
                .physical
                .push_back(Physical::Install { install, reply })
        })?;
        answer.await.unwrap_or_else(|_| Err(broken()))
    }

    /// Writes `payload` as the checkpoint of `position`, where the log has been.
    ///
    /// # Errors
    /// Those of the store; `ReadOnly`.
    pub(crate) async fn write_checkpoint(
        self: &Arc<Self>,
        position: Position,
        payload: Vec<Bytes>,
    ) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(|queue| {
            queue.physical.push_back(Physical::Checkpoint {
                position,
                payload,
                reply,
            });
        })?;
        answer.await.unwrap_or_else(|_| Err(broken()))
    }

    /// Writes a checkpoint of the newest state at a new place of the log, and gives the place.
    /// `None` when `payload` finds that this state cannot be written.
    ///
    /// The new place is an entry without operations. It makes room for a checkpoint where there
    /// is one already, and it proves that no other writer has taken over: only after that may
    /// objects be deleted which the other might count on.
    ///
    /// # Errors
    /// Those of the store and the log; `ReadOnly`.
    pub(crate) async fn checkpoint_here(
        self: &Arc<Self>,
        payload: impl FnOnce(&S) -> Option<Vec<Bytes>> + Send + 'static,
    ) -> Result<Option<Position>, Error> {
        let (reply, answer) = oneshot::channel();
        let payload = Box::new(payload);
        self.enqueue(|queue| queue.physical.push_back(Physical::Here { payload, reply }))?;
        answer.await.unwrap_or_else(|_| Err(broken()))
    }

    /// Answers every change that waits for background work with `error`, when background work
    /// cannot catch up.
    pub(crate) fn fail_waiting(&self, error: &Error) {
        if !self.view.load().state.is_saturated() {
            return;
        }
        let waiting = std::mem::take(&mut self.queue().writes);
        for write in waiting {
            // A caller who hung up does not listen; here and below.
            let _ = write.reply.send(Err(error.clone()));
        }
    }

    /// Number of changes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue().writes.len()
    }

    /// Refuses new work with `reason` from now on, and ends when everything before has been
    /// answered.
    pub(crate) async fn close(self: &Arc<Self>, reason: Error) {
        let (reply, done) = oneshot::channel();
        let barrier = self.enqueue(|queue| {
            queue.closed = Some(reason);
            queue.barriers.push(reply);
        });
        if barrier.is_ok() {
            // Cancelled only when the committer broke down: then nothing is left to wait for.
            let _ = done.await;
        }
    }

    /// Puts work into the queue and sees to it that someone does it.
    fn enqueue(self: &Arc<Self>, push: impl FnOnce(&mut Queue<S>)) -> Result<(), Error> {
        let writer = {
            let mut queue = self.queue();
            // Asked under the lock: the reason is set before the queue is emptied for the last
            // time, so nothing can be left behind.
            if let Some(reason) = self.read_only.get() {
                return Err(reason.clone());
            }
            if let Some(reason) = &queue.closed {
                return Err(reason.clone());
            }
            push(&mut queue);
            queue.writer.take()
        };
        if let Some(writer) = writer {
            let committer = Committer::new(Arc::clone(self), writer);
            self.host.spawn(Box::pin(committer.run()));
        }
        Ok(())
    }

    fn queue(&self) -> MutexGuard<'_, Queue<S>> {
        // Nothing under this lock can panic half-way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes what a reader has read, unless another has come further meanwhile.
    pub(crate) fn advance(&self, state: S, position: Position) {
        let new = Arc::new(View { state, position });
        self.view.rcu(|old| match old.position.n > position.n {
            true => Arc::clone(old),
            false => Arc::clone(&new),
        });
    }

    fn publish(&self, state: S, position: Position, cause: Cause) {
        self.view.store(Arc::new(View { state, position }));
        (self.on_publish)(cause);
    }

    /// Turns read-only, tells why, and answers everyone who waits.
    fn turn_read_only(&self, reason: &Error) {
        let reason = self.read_only.get_or_init(|| {
            tracing::error!(%reason, "no more writes are taken");
            refusal(reason)
        });
        let (writes, physical, barriers) = {
            let mut queue = self.queue();
            let writes = std::mem::take(&mut queue.writes);
            (
                writes,
                std::mem::take(&mut queue.physical),
                std::mem::take(&mut queue.barriers),
            )
        };
        for write in writes {
            let _ = write.reply.send(Err(reason.clone()));
        }
        for work in physical {
            work.refuse(reason);
        }
        drop(barriers);
    }
}

/// What writers are told when nothing can be written any more for `reason`.
fn refusal(reason: &Error) -> Error {
    Error::new(
        ErrorKind::ReadOnly,
        Subject::Storage,
        reason.message.clone(),
    )
}

/// The committer's future was dropped or panicked.
fn broken() -> Error {
    let message = "the commit was interrupted; it is unknown whether it took effect";
    Error::new(ErrorKind::Unavailable, Subject::Storage, message)
}
