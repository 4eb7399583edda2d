//! What waits for the committer.

use std::collections::VecDeque;

use bytes::Bytes;
use futures::channel::oneshot;
use model::Error;
use storage::log::Position;

use super::committer::Writer;
use super::{State, View};

/// Most bytes of operations in one commit; a single larger change is committed alone.
const COMMIT_BYTES_MAX: usize = 32 << 20;
/// Most changes in one commit.
const COMMIT_CHANGES_MAX: usize = 1024;

type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A change on its way.
pub(super) struct Write<S: State> {
    pub(super) change: S::Change,
    /// Its operations, encoded.
    pub(super) items: Vec<Bytes>,
    /// When it was asked for, in microseconds of the host's clock.
    pub(super) since_us: u64,
    pub(super) reply: Reply<S::Answer>,
}

type Install<S> = Box<dyn FnOnce(&View<S>) -> Result<S, Error> + Send>;
type Payload<S> = Box<dyn FnOnce(&S) -> Option<Vec<Bytes>> + Send>;

/// Work that changes no answer.
pub(super) enum Physical<S: State> {
    Install {
        install: Install<S>,
        reply: Reply<()>,
    },
    Checkpoint {
        position: Position,
        payload: Vec<Bytes>,
        reply: Reply<()>,
    },
    Here {
        payload: Payload<S>,
        reply: Reply<Option<Position>>,
    },
}

impl<S: State> Physical<S> {
    pub(super) fn refuse(self, reason: &Error) {
        let reason = reason.clone();
        // Nobody listens any more when sending fails.
        match self {
            Self::Install { reply, .. } | Self::Checkpoint { reply, .. } => {
                let _ = reply.send(Err(reason));
            }
            Self::Here { reply, .. } => {
                let _ = reply.send(Err(reason));
            }
        }
    }
}

/// What waits, and the writer while nobody writes.
pub(super) struct Queue<S: State> {
    pub(super) writes: VecDeque<Write<S>>,
    pub(super) physical: VecDeque<Physical<S>>,
    /// Answered when nothing else is left.
    pub(super) barriers: Vec<oneshot::Sender<()>>,
    /// Why new work is refused.
    pub(super) closed: Option<Error>,
    /// Absent while a committer runs.
    pub(super) writer: Option<Writer<S>>,
}

/// What the committer does next.
pub(super) enum Next<S: State> {
    Physical(Physical<S>),
    Commit(Vec<Write<S>>),
    Barriers(Vec<oneshot::Sender<()>>),
}

impl<S: State> Queue<S> {
    pub(super) fn new(writer: Option<Writer<S>>) -> Self {
        Self {
            writes: VecDeque::new(),
            physical: VecDeque::new(),
            barriers: Vec::new(),
            closed: None,
            writer,
        }
    }

    /// Takes what is to be done next. Physical work goes first: it is rare, and when changes wait
    /// because the state is `saturated`, it is what they wait for. On the way out nobody waits.
    pub(super) fn next(&mut self, saturated: bool) -> Option<Next<S>> {
        if let Some(work) = self.physical.pop_front() {
            return Some(Next::Physical(work));
        }
        if !self.writes.is_empty() && (!saturated || self.closed.is_some()) {
            return Some(Next::Commit(self.batch()));
        }
        let done = self.writes.is_empty() && !self.barriers.is_empty();
        done.then(|| Next::Barriers(std::mem::take(&mut self.barriers)))
    }

    /// The changes of one commit, in order.
    fn batch(&mut self) -> Vec<Write<S>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(write) = self.writes.front() {
            bytes += write.items.iter().map(Bytes::len).sum::<usize>();
            let full = batch.len() >= COMMIT_CHANGES_MAX || bytes > COMMIT_BYTES_MAX;
            if full && !batch.is_empty() {
                break;
            }
            batch.extend(self.writes.pop_front());
        }
        batch
    }
}
