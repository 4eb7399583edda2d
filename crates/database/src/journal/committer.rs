//! The one writer of a journal.

use std::sync::Arc;

use bytes::Bytes;
use futures::channel::oneshot;
use model::Error;
use storage::log::{EntryKind, Log, LogError, Nonce, Position};

use super::queue::{Next, Physical, Write};
use super::{Cause, Journal, State};
use crate::pages;

/// Pauses before asking again whether an entry was written; then the callers are told that it is
/// unknown. Half a second in all: a store that is down makes writes fail soon.
const SETTLE_PAUSES_MS: [u64; 3] = [20, 100, 400];

/// The end of the log. Whoever holds it is the only one who writes.
pub(super) struct Writer<S> {
    log: Log,
    /// The state that an entry leads to of which it is unknown whether it was written.
    doubted: Option<(S, Cause)>,
}

impl<S> Writer<S> {
    pub(super) fn new(log: Log) -> Self {
        Self { log, doubted: None }
    }
}

/// A run of the writer.
pub(super) struct Committer<S: State> {
    journal: Arc<Journal<S>>,
    /// Given back at the end of an orderly run.
    writer: Option<Writer<S>>,
}

impl<S: State> Committer<S> {
    pub(super) fn new(journal: Arc<Journal<S>>, writer: Writer<S>) -> Self {
        Self {
            journal,
            writer: Some(writer),
        }
    }

    /// Works until nothing is left that can be done.
    pub(super) async fn run(mut self) {
        loop {
            let saturated = self.journal.view.load().state.is_saturated();
            let next = {
                let mut queue = self.journal.queue();
                let next = queue.next(saturated);
                if next.is_none() {
                    queue.writer = self.writer.take();
                }
                next
            };
            // Replies go to callers who may have hung up: a failed send means only that.
            match next {
                None => return,
                Some(Next::Commit(batch)) => self.commit(batch).await,
                Some(Next::Physical(work)) => self.physical(work).await,
                Some(Next::Barriers(barriers)) => {
                    let _ = self.settle_doubt().await;
                    for barrier in barriers {
                        let _ = barrier.send(());
                    }
                }
            }
        }
    }

    fn writer(&mut self) -> &mut Writer<S> {
        self.writer
            .as_mut()
            .expect("a running committer holds the writer")
    }

    async fn commit(&mut self, batch: Vec<Write<S>>) {
        if let Err(error) = self.settle_doubt().await {
            for write in batch {
                let _ = write.reply.send(Err(error.clone()));
            }
            return;
        }
        let started_us = self.journal.host.monotonic_us();
        let mut state = self.journal.view.load().state.clone();
        let mut items = Vec::new();
        let mut accepted: Vec<(oneshot::Sender<_>, S::Answer, u64)> = Vec::new();
        for Write {
            change,
            items: mut encoded,
            since_us,
            reply,
        } in batch
        {
            match pages::complete(|| state.apply(&change)).await {
                Ok((next, answer)) => {
                    state = next;
                    items.append(&mut encoded);
                    accepted.push((reply, answer, since_us));
                }
                Err(error) => drop(reply.send(Err(error))),
            }
        }
        if accepted.is_empty() {
            return;
        }
        // A change may turn out to be none, and what changes nothing need not be logged.
        let outcome = match items.is_empty() {
            true => Ok(()),
            false => self.append(EntryKind::Operations, items, state).await,
        };
        let now_us = self.journal.host.monotonic_us();
        if outcome.is_ok() {
            let since = accepted
                .iter()
                .map(|(.., since_us)| now_us.saturating_sub(*since_us));
            self.journal
                .counters
                .committed(now_us.saturating_sub(started_us), since);
        }
        for (reply, answer, _) in accepted {
            drop(reply.send(outcome.clone().map(|()| answer)));
        }
    }

    async fn physical(&mut self, work: Physical<S>) {
        match work {
            Physical::Install { install, reply } => {
                let view = self.journal.view.load_full();
                let installed = install(&view)
                    .map(|state| self.journal.publish(state, view.position, Cause::Physical));
                drop(reply.send(installed));
            }
            Physical::Checkpoint {
                position,
                payload,
                reply,
            } => {
                let written = self.writer().log.write_checkpoint(position, payload).await;
                drop(reply.send(written.map_err(Error::from)));
            }
            Physical::Here { payload, reply } => {
                let state = self.journal.view.load().state.clone();
                let written = match payload(&state) {
                    Some(payload) => self.checkpoint_here(state, payload).await.map(Some),
                    None => Ok(None),
                };
                drop(reply.send(written));
            }
        }
    }

    async fn checkpoint_here(&mut self, state: S, payload: Vec<Bytes>) -> Result<Position, Error> {
        self.settle_doubt().await?;
        self.append(EntryKind::Checkpoint, Vec::new(), state)
            .await?;
        let log = &self.writer().log;
        let position = *log.position();
        log.write_checkpoint(position, payload).await?;
        Ok(position)
    }

    /// Appends an entry that leads to `state`, and publishes it once the entry is durable.
    async fn append(&mut self, kind: EntryKind, items: Vec<Bytes>, state: S) -> Result<(), Error> {
        let nonce = Nonce(self.journal.host.random().to_le_bytes());
        // While the store is at work; nobody waits for a better layout.
        let tidied = async { state.tidied() };
        let appended = self.writer().log.append(nonce, kind, items);
        let (appended, tidied) = futures::join!(appended, tidied);
        let state = tidied.unwrap_or(state);
        let mut outcome = appended.map(Some);
        for pause_ms in SETTLE_PAUSES_MS {
            if !matches!(outcome, Err(LogError::InDoubt { .. })) {
                break;
            }
            self.journal.host.sleep(pause_ms).await;
            outcome = self.writer().log.settle().await;
        }
        let cause = match kind {
            EntryKind::Operations => Cause::Operations,
            EntryKind::Segments | EntryKind::Checkpoint => Cause::Physical,
        };
        self.conclude(outcome, state, cause)
    }

    /// Asks once more about an entry that is in doubt, if one is.
    async fn settle_doubt(&mut self) -> Result<(), Error> {
        let Some((state, cause)) = self.writer().doubted.take() else {
            return Ok(());
        };
        let outcome = self.writer().log.settle().await;
        self.conclude(outcome, state, cause)
    }

    fn conclude(
        &mut self,
        outcome: Result<Option<Position>, LogError>,
        state: S,
        cause: Cause,
    ) -> Result<(), Error> {
        let error = match outcome {
            Ok(Some(position)) => {
                self.journal.publish(state, position, cause);
                return Ok(());
            }
            Ok(None) => return Err(Error::internal("the log lost track of an entry")),
            Err(error) => error,
        };
        match &error {
            LogError::InDoubt { .. } => self.writer().doubted = Some((state, cause)),
            LogError::Store(_) | LogError::TooLarge => {}
            LogError::SteppedDown { .. }
            | LogError::Behind { .. }
            | LogError::Damaged(_)
            | LogError::NoCheckpoint { .. } => {
                self.journal.turn_read_only(&error.clone().into());
            }
        }
        Err(error.into())
    }
}

impl<S: State> Drop for Committer<S> {
    /// A run that ends with the writer still in hand was dropped or panicked: what it had begun is
    /// in doubt, and nobody can write after it.
    fn drop(&mut self) {
        if self.writer.is_some() {
            self.journal
                .turn_read_only(&Error::internal("a commit broke down half-way"));
        }
    }
}
