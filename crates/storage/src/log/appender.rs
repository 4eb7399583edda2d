//! The writing end of a log: appends, and finds out what happened when the store does not say.

use std::sync::Arc;

use bytes::Bytes;

use super::LOG;
use super::boundary::Boundary;
use super::entry::{Entry, EntryDefect, EntryKind, Link, Nonce, Position};
use super::error::{Damage, LogError};
use super::replay::Replay;
use crate::blob::{BlobStore, BlobStoreExt, Body, PutIf};
use crate::blob_error::{BlobError, BlobErrorKind};
use crate::checkpoint::{self, Checkpoint};
use crate::key::BlobKey;

/// Puts of one entry within one call, before the caller is told that the store is in doubt. There
/// is no clock here to wait by; whoever can wait calls [`Log::settle`] again.
const ATTEMPTS_MAX: usize = 3;

/// One shard's log, open for appending by this process.
///
/// Two logs over one prefix are safe: each entry number goes to one of them, and the other is told
/// [`LogError::SteppedDown`].
pub struct Log {
    store: Arc<dyn BlobStore>,
    prefix: BlobKey,
    boundary: Boundary,
    position: Position,
    /// Epoch of the entries that this log writes: one more than any before it.
    epoch: u64,
    state: State,
}

enum State {
    Open,
    InDoubt(Attempt),
    Closed(LogError),
}

/// An entry on its way.
#[derive(Clone)]
struct Attempt {
    end: Position,
    nonce: Nonce,
    body: Body,
    /// Whether an earlier put of it may have taken effect.
    uncertain: bool,
}

/// What one put of an attempt showed.
enum Seen {
    Written,
    Unclear(Arc<BlobError>),
}

impl Log {
    /// Finds the newest valid checkpoint and starts the replay after it. With no object under
    /// `prefix` this is an empty log.
    ///
    /// A damaged newest checkpoint falls back to the one before it, as long as the log still
    /// reaches back to that; the keys of those passed over are in [`Recovery::passed_over`].
    ///
    /// # Errors
    /// [`LogError::NoCheckpoint`], [`LogError::Store`].
    pub async fn recover(store: Arc<dyn BlobStore>, prefix: BlobKey) -> Result<Recovery, LogError> {
        let boundary = Boundary::find(&*store, &prefix).await?;
        let (checkpoint, passed_over) =
            checkpoint::newest(&*store, &prefix, boundary.lowest()).await?;
        let start = match &checkpoint {
            Some(checkpoint) => checkpoint.position,
            None if boundary.lowest() <= 1 => Position::ORIGIN,
            None => {
                return Err(LogError::NoCheckpoint {
                    first_entry: boundary.lowest(),
                });
            }
        };
        let replay = Replay::start(store, prefix, boundary, start).await?;
        Ok(Recovery {
            checkpoint,
            passed_over,
            replay,
        })
    }

    pub(crate) fn at(
        store: Arc<dyn BlobStore>,
        prefix: BlobKey,
        boundary: Boundary,
        position: Position,
    ) -> Self {
        let epoch = position.epoch + 1;
        Self {
            store,
            prefix,
            boundary,
            position,
            epoch,
            state: State::Open,
        }
    }

    /// The place after the last entry that is known to be committed.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Commits `items` as one entry; after `Ok` it is durable, and later recoveries return it.
    ///
    /// `nonce` must be fresh random bits. When the future is dropped before it ends, the entry is
    /// in doubt as after [`LogError::InDoubt`].
    ///
    /// # Errors
    /// * [`LogError::Store`] (no room, refused) and [`LogError::TooLarge`]: nothing was written
    ///   and the log stays open.
    /// * [`LogError::InDoubt`]: it may have been written. Call [`Self::settle`] until it answers;
    ///   the caller must not forget what it tried to commit.
    /// * [`LogError::SteppedDown`]: nothing was written. [`LogError::Behind`],
    ///   [`LogError::Damaged`]: unknown. After these three every call gives the same error.
    pub async fn append(
        &mut self,
        nonce: Nonce,
        kind: EntryKind,
        items: Vec<Bytes>,
    ) -> Result<Position, LogError> {
        match &self.state {
            State::Open => {}
            State::InDoubt(attempt) => {
                let source = BlobError::new(BlobErrorKind::Unavailable, "not settled yet");
                return Err(LogError::InDoubt {
                    n: attempt.end.n,
                    source: Arc::new(source),
                });
            }
            State::Closed(error) => return Err(error.clone()),
        }
        let entry = Entry {
            n: self.position.n + 1,
            epoch: self.epoch,
            nonce,
            sequence: self.position.sequence,
            parent: self.position.link,
            kind,
            items,
        };
        let (body, link) = entry.encode().ok_or(LogError::TooLarge)?;
        let attempt = Attempt {
            end: entry.end(link),
            nonce,
            body,
            uncertain: false,
        };
        // In doubt before the first await: if the caller drops this future, the next call still
        // knows that something may be under way.
        self.state = State::InDoubt(attempt);
        self.settle()
            .await?
            .ok_or_else(|| unreachable_open(&self.position))
    }

    /// Finds out whether the entry in doubt was committed, by trying to commit it again under the
    /// same nonce. `None` when nothing was in doubt.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn settle(&mut self) -> Result<Option<Position>, LogError> {
        let outcome = match &self.state {
            State::Open => return Ok(None),
            State::Closed(error) => return Err(error.clone()),
            State::InDoubt(attempt) => self.boundary_checked(attempt.clone()).await,
        };
        match outcome {
            Ok(end) => {
                self.position = end;
                self.state = State::Open;
                Ok(Some(end))
            }
            Err(error) => {
                match &error {
                    LogError::InDoubt { .. } => {
                        if let State::InDoubt(attempt) = &mut self.state {
                            attempt.uncertain = true;
                        }
                    }
                    LogError::Store(_) | LogError::TooLarge => self.state = State::Open,
                    LogError::SteppedDown { .. }
                    | LogError::Behind { .. }
                    | LogError::Damaged(_)
                    | LogError::NoCheckpoint { .. } => self.state = State::Closed(error.clone()),
                }
                Err(error)
            }
        }
    }

    /// Commits the attempt and reads the boundary, in this order: an entry created below the
    /// boundary is the re-creation of a deleted number and counts for nobody.
    async fn boundary_checked(&mut self, attempt: Attempt) -> Result<Position, LogError> {
        let committed = self.commit(&attempt).await;
        let n = attempt.end.n;
        match &committed {
            // Also when the number went to another: what stands there may be such a re-creation.
            Ok(()) | Err(LogError::SteppedDown { .. } | LogError::Damaged(_)) => {}
            Err(_) => return committed.map(|()| attempt.end),
        }
        let mut boundary = self.boundary;
        boundary
            .refresh(&*self.store, &self.prefix)
            .await
            .map_err(|error| LogError::InDoubt {
                n,
                source: Arc::new(error),
            })?;
        self.boundary = boundary;
        if n < boundary.lowest() {
            return Err(LogError::Behind {
                n,
                boundary: boundary.lowest(),
            });
        }
        committed.map(|()| attempt.end)
    }

    async fn commit(&self, attempt: &Attempt) -> Result<(), LogError> {
        let n = attempt.end.n;
        let key = self.prefix.numbered(LOG, n);
        let mut uncertain = attempt.uncertain;
        let mut last = None;
        for _ in 0..ATTEMPTS_MAX {
            let error = match self
                .store
                .put(&key, attempt.body.clone(), PutIf::Absent)
                .await
            {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            match error.kind() {
                BlobErrorKind::Full | BlobErrorKind::Unsupported if !uncertain => {
                    return Err(error.into());
                }
                BlobErrorKind::Conflict => {}
                BlobErrorKind::Full
                | BlobErrorKind::Unsupported
                | BlobErrorKind::Unavailable
                | BlobErrorKind::NotFound
                | BlobErrorKind::Corrupt => uncertain = true,
            }
            match self.read_back(&key, attempt, error).await? {
                Seen::Written => return Ok(()),
                Seen::Unclear(error) => last = Some(error),
            }
        }
        let source = last.expect("ATTEMPTS_MAX is at least one");
        Err(LogError::InDoubt { n, source })
    }

    /// Looks at what stands at the number after a put that was not a plain success.
    async fn read_back(
        &self,
        key: &BlobKey,
        attempt: &Attempt,
        put_error: BlobError,
    ) -> Result<Seen, LogError> {
        let n = attempt.end.n;
        let found = match self.store.get_if_present(key).await {
            Ok(found) => found,
            Err(error) => {
                return Err(LogError::InDoubt {
                    n,
                    source: Arc::new(error),
                });
            }
        };
        let Some(bytes) = found else {
            return Ok(Seen::Unclear(Arc::new(put_error)));
        };
        match Entry::decode(&bytes) {
            Ok((entry, link)) if entry.nonce == attempt.nonce => {
                let ours = Link {
                    nonce: attempt.nonce,
                    crc: attempt.end.link.crc,
                };
                if link == ours {
                    return Ok(Seen::Written);
                }
                Err(damaged(n, EntryDefect::Malformed))
            }
            Ok((entry, _)) => Err(LogError::SteppedDown {
                n,
                epoch: entry.epoch,
            }),
            Err(defect) => Err(damaged(n, defect)),
        }
    }

    /// Writes `payload` as the checkpoint of `position`, a place this log has been at: the state
    /// after all entries up to it. Later recoveries start there.
    ///
    /// # Errors
    /// [`LogError::Store`]; the log is not affected.
    pub async fn write_checkpoint(
        &self,
        position: Position,
        payload: Vec<Bytes>,
    ) -> Result<(), LogError> {
        checkpoint::write(&*self.store, &self.prefix, position, payload)
            .await
            .map_err(Into::into)
    }

    /// Reads what other writers committed after [`Self::position`]; the way back in after
    /// [`LogError::SteppedDown`].
    ///
    /// # Errors
    /// [`LogError::Store`].
    pub async fn into_replay(self) -> Result<Replay, LogError> {
        Replay::start(self.store, self.prefix, self.boundary, self.position).await
    }
}

fn damaged(n: u64, defect: EntryDefect) -> LogError {
    LogError::Damaged(Damage {
        last_good: n - 1,
        defect,
    })
}

/// `settle` answers `None` only in the open state, which `append` has just left.
fn unreachable_open(position: &Position) -> LogError {
    let message = "an append lost track of its attempt";
    let source = BlobError::new(BlobErrorKind::Unavailable, message);
    LogError::InDoubt {
        n: position.n + 1,
        source: Arc::new(source),
    }
}

/// Where a log goes on after a start.
pub struct Recovery {
    /// The state to begin with; `None` for the empty state.
    pub checkpoint: Option<Checkpoint>,
    /// Newer checkpoints that could not be used, newest first.
    pub passed_over: Vec<BlobKey>,
    /// The entries after it.
    pub replay: Replay,
}
