//! One collection: its journal, its part files, its background work.
//!
//! | module | what is in it |
//! |---|---|
//! | [`attach`] | bytes that callers keep with it |
//! | [`content`] | what the journal publishes: the engine's collection and its files |
//! | [`handle`] | a collection that is opened when it is first used |
//! | [`manifest`] | checkpoints: the engine's manifest as bytes and back |
//! | [`parts`] | part files in the store: written, and opened to where they should live |
//! | [`part_file`] | an open part file and its blocks |
//! | [`ranges`] | part files of which only parts are read |
//! | [`follow`] | a collection that another process writes |
//! | [`recover`] | from checkpoint and log to a state |
//! | [`scrub`] | checks what opening leaves unread |
//! | [`upkeep`] | the background loop: what is to be done next |
//! | [`job`] | one job of the engine, from its inputs to the installed result |
//! | [`freeze`] | the state of one moment as immutable objects |
//! | [`garbage`] | which objects nobody needs any more |

mod attach;
pub(crate) mod content;
mod follow;
pub(crate) mod freeze;
pub(crate) mod garbage;
pub(crate) mod handle;
mod job;
mod manifest;
mod part_file;
pub(crate) mod parts;
mod ranges;
pub(crate) mod recover;
mod scrub;
mod upkeep;

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use engine::JobPolicy;
use model::{CollectionInfo, CollectionName, Error, Outcome, Status, WriteOp};
use storage::{BlobKey, Ulid, codec};

use crate::journal::{Cause, Journal};
use crate::shared::Shared;
use crate::stats::CollectionStats;
use content::Content;
use follow::Follower;
use upkeep::Upkeep;

/// An open collection.
pub(crate) struct Live {
    /// What people are told; it is found by its identity.
    name: ArcSwap<CollectionName>,
    id: Ulid,
    shared: Arc<Shared>,
    prefix: BlobKey,
    journal: Arc<Journal<Content>>,
    upkeep: Upkeep,
    /// Of a database that is open for reading only.
    follower: Option<Follower>,
    /// What a check of the stored rows found, once it found damage.
    damage: OnceLock<Error>,
}

impl Live {
    /// Its identity.
    pub(crate) fn id(&self) -> Ulid {
        self.id
    }

    /// Its name, as far as it is known here.
    pub(crate) fn name(&self) -> CollectionName {
        CollectionName::clone(&self.name.load())
    }

    /// It has this name now.
    pub(crate) fn be_called(&self, name: &CollectionName) {
        if **self.name.load() != *name {
            self.name.store(Arc::new(name.clone()));
        }
    }

    /// The newest content. Whoever holds it sees one state, whatever is written meanwhile.
    pub(crate) fn content(&self) -> Arc<crate::journal::View<Content>> {
        self.journal.view()
    }

    /// # Errors
    /// `Corrupt` once stored rows were found damaged: no answer is better than a wrong one.
    pub(crate) fn check_sound(&self) -> Result<(), Error> {
        self.damage
            .get()
            .map_or(Ok(()), |damage| Err(damage.clone()))
    }

    fn damaged(&self, error: Error) {
        tracing::error!(collection = %self.name(), %error, "stored rows are damaged");
        // The first finding stays; it is as good as any.
        let _ = self.damage.set(error);
    }

    /// Applies `operations` in order, all or none; durable and visible after `Ok`.
    ///
    /// # Errors
    /// Those of the engine; nothing has changed. Those of [`Journal::commit`].
    pub(crate) async fn write(&self, operations: Vec<WriteOp>) -> Result<Outcome, Error> {
        self.check_sound()?;
        if operations.is_empty() {
            let operation = self.content().state.collection.operation();
            return Ok(Outcome::Written { operation });
        }
        // Encoded here and not by the committer: callers do it side by side.
        let items = operations
            .iter()
            .map(codec::to_bytes)
            .collect::<Result<Vec<_>, _>>()?;
        let operation = self.journal.commit(operations, items).await?;
        Ok(Outcome::Written { operation })
    }

    /// Health, as background work and the journal know it; `engine` is what the engine says.
    pub(crate) fn status(&self, engine: Status) -> Status {
        match self.damage.get().or_else(|| self.journal.read_only()) {
            // Nothing is wrong with a copy that is only read, and nothing will be done about it.
            Some(_) if self.shared.options.read_only && self.damage.get().is_none() => {
                Status::Ready
            }
            Some(reason) => Status::ReadOnly(reason.message.clone()),
            None => match (self.upkeep.status(), engine) {
                (Some(status), _) => status,
                (None, Status::Optimizing) if !self.upkeep.is_awake() => Status::Pending,
                (None, engine) => engine,
            },
        }
    }

    /// What the background does and has done.
    pub(crate) fn watch(&self) -> model::Upkeep {
        self.upkeep.watch(&self.content().state)
    }

    /// Schema and state, for a person.
    pub(crate) fn describe(&self) -> CollectionInfo {
        let info = self.content().state.collection.info(&self.name.load());
        CollectionInfo {
            status: self.status(info.status.clone()),
            queued: self.journal.waiting() as u64,
            ..info
        }
    }

    /// Finishes what was asked for, stops background work, refuses the rest with `reason`.
    pub(crate) async fn close(&self, reason: Error) {
        self.upkeep.stop();
        self.journal.close(reason).await;
        self.upkeep.stopped().await;
    }

    /// What is to be told in metrics.
    pub(crate) fn stats(&self) -> CollectionStats {
        let view = self.content();
        let collection = &view.state.collection;
        let growing = collection.growing();
        CollectionStats {
            name: self.name(),
            status: self.status(match collection.next_job(&JobPolicy::idle()) {
                Some(_) => Status::Optimizing,
                None => Status::Ready,
            }),
            points: collection.points(),
            segments: collection.segment_count() as u64,
            indexed_vectors: collection.indexed_vectors(),
            growing_rows: growing.rows,
            growing_bytes: growing.bytes,
            log_tail: self.upkeep.log_tail(&view.position),
            part_bytes: view.state.parts.values().map(|part| part.bytes).sum(),
            waiting: self.journal.waiting() as u64,
            commits: self.journal.counters().stats(),
            upkeep: self.upkeep.stats(self.shared.host.monotonic_us()),
        }
    }

    fn published(self: &Arc<Self>, cause: Cause) {
        if cause == Cause::Operations {
            self.upkeep.written(self.shared.host.monotonic_us());
        }
        upkeep::kick(self);
    }
}
