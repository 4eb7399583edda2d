//! Reads a log forward from a place that is known to be good.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use model::BoxFuture;

use super::LOG;
use super::appender::Log;
use super::boundary::Boundary;
use super::entry::{Entry, EntryDefect, Position};
use super::error::{Damage, LogError};
use crate::blob::{BlobStore, BlobStoreExt, ListOptions};
use crate::blob_error::BlobError;
use crate::key::BlobKey;

/// Entries that are read ahead, so that a remote store's latency is paid once per so many.
const READ_AHEAD: usize = 16;

type Fetch = BoxFuture<'static, Result<Option<Bytes>, BlobError>>;

/// Reads entries one after the other, checking each against the one before.
pub struct Replay {
    store: Arc<dyn BlobStore>,
    prefix: BlobKey,
    boundary: Boundary,
    start: Position,
    position: Position,
    /// Last entry that the listing showed.
    listed: u64,
    /// Last entry that was asked for.
    asked: u64,
    fetches: FuturesOrdered<Fetch>,
    outcome: Outcome,
}

/// What a replay that goes on later must know of its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    boundary: Boundary,
    start: Position,
}

#[derive(Clone)]
enum Outcome {
    Reading,
    AtEnd,
    Failed(LogError),
}

impl Replay {
    /// Starts after `start`, which must be the place of a valid checkpoint, or the origin.
    ///
    /// # Errors
    /// [`LogError::Store`].
    pub(crate) async fn start(
        store: Arc<dyn BlobStore>,
        prefix: BlobKey,
        boundary: Boundary,
        start: Position,
    ) -> Result<Self, LogError> {
        let folder = prefix.folder(LOG);
        let after = prefix.numbered(LOG, start.n);
        let options = ListOptions {
            prefix: &folder,
            start_after: Some(&after),
            ..Default::default()
        };
        let last = store
            .list(options)
            .await?
            .iter()
            .filter_map(|meta| meta.key.number())
            .max();
        Ok(Self {
            store,
            prefix,
            boundary,
            start,
            position: start,
            listed: last.unwrap_or(start.n),
            asked: start.n,
            fetches: FuturesOrdered::new(),
            outcome: Outcome::Reading,
        })
    }

    /// Goes on after `position`, to which a replay of this origin came.
    pub fn resume(
        store: Arc<dyn BlobStore>,
        prefix: BlobKey,
        origin: Origin,
        position: Position,
    ) -> Self {
        Self {
            store,
            prefix,
            boundary: origin.boundary,
            start: origin.start,
            position,
            listed: position.n,
            asked: position.n,
            fetches: FuturesOrdered::new(),
            outcome: Outcome::Reading,
        }
    }

    /// For [`Replay::resume`].
    pub fn origin(&self) -> Origin {
        Origin {
            boundary: self.boundary,
            start: self.start,
        }
    }

    /// The place after the last entry that was returned.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The next entry, or `None` at the end of the log. After an error or the end, every call
    /// gives the same again.
    ///
    /// # Errors
    /// [`LogError::Damaged`] at the first entry that fails a check; [`LogError::Behind`] when the
    /// collector overtook this replay, which must then be started again from a newer checkpoint;
    /// [`LogError::Store`], after which the replay can only be started again.
    pub async fn next(&mut self) -> Result<Option<Entry>, LogError> {
        match &self.outcome {
            Outcome::Reading => {}
            Outcome::AtEnd => return Ok(None),
            Outcome::Failed(error) => return Err(error.clone()),
        }
        let found = self.advance().await;
        match &found {
            Ok(Some(_)) => {}
            Ok(None) => self.outcome = Outcome::AtEnd,
            Err(error) => self.outcome = Outcome::Failed(error.clone()),
        }
        found
    }

    async fn advance(&mut self) -> Result<Option<Entry>, LogError> {
        // Up to the last listed entry read ahead; beyond it probe one at a time.
        let horizon = self.listed.max(self.position.n + 1);
        while self.asked < horizon && self.fetches.len() < READ_AHEAD {
            self.asked += 1;
            self.fetches.push_back(self.fetch(self.asked));
        }
        let fetched = self
            .fetches
            .next()
            .await
            .expect("one fetch at least was pushed")?;
        let checked = match fetched {
            Some(bytes) => Entry::decode(&bytes)
                .and_then(|(entry, link)| entry.follows(&self.position).map(|()| (entry, link))),
            None if self.position.n >= self.listed => {
                return self.check_boundary().await.map(|()| None);
            }
            None => Err(EntryDefect::Missing),
        };
        match checked {
            Ok((entry, link)) => {
                self.position = entry.end(link);
                Ok(Some(entry))
            }
            Err(defect) => {
                // What looks like damage may be the collector at work.
                self.check_boundary().await?;
                Err(LogError::Damaged(Damage {
                    last_good: self.position.n,
                    defect,
                }))
            }
        }
    }

    fn fetch(&self, n: u64) -> Fetch {
        let store = Arc::clone(&self.store);
        let key = self.prefix.numbered(LOG, n);
        Box::pin(async move { store.get_if_present(&key).await })
    }

    /// Everything read so far counts only if the boundary has not passed the first of it: an
    /// entry below the boundary may be one that a sleeping writer created again.
    async fn check_boundary(&mut self) -> Result<(), LogError> {
        self.boundary.refresh(&*self.store, &self.prefix).await?;
        let first = self.start.n + 1;
        if self.boundary.lowest() > first {
            return Err(LogError::Behind {
                n: first,
                boundary: self.boundary.lowest(),
            });
        }
        Ok(())
    }

    /// Opens the log for appending at its end, in a new epoch.
    ///
    /// # Panics
    /// When [`Self::next`] has not returned `None`: entries that the caller has not seen would be
    /// passed over.
    pub fn into_log(self) -> Log {
        assert!(
            matches!(self.outcome, Outcome::AtEnd),
            "the log was not replayed to its end"
        );
        Log::at(self.store, self.prefix, self.boundary, self.position)
    }
}
