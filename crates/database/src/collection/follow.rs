//! A collection that another process writes, read at its newest state.
//!
//! Nobody waits for anybody here: requests that come together each look for themselves. In an edge
//! worker a request must not wait for what another one does, which may end and take its reads with
//! it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use model::Error;
use storage::log::{Origin, Replay};

use super::Live;
use super::content::Content;
use super::recover::{self, Recovered};
use crate::catalog::Registered;

/// So many bytes of growing rows are applied before it is looked for segments that hold them.
const GROWING_BYTES_MAX: u64 = 4 << 20;

/// Where a reader has its state from.
pub(super) struct Follower {
    registered: Registered,
    origin: Mutex<Origin>,
    /// With more bytes of growing rows, the newest checkpoint is worth reading.
    reload_at: AtomicU64,
}

impl Follower {
    pub(super) fn new(registered: Registered, replay: &Replay, content: &Content) -> Self {
        Self {
            registered,
            origin: Mutex::new(replay.origin()),
            reload_at: AtomicU64::new(reload_at(content)),
        }
    }
}

fn reload_at(content: &Content) -> u64 {
    content.collection.growing().bytes + GROWING_BYTES_MAX
}

impl Live {
    /// Applies what was written since. Does nothing where this process is the writer.
    ///
    /// # Errors
    /// Those of the store; `Corrupt` when the log is damaged. The state stays what it was.
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        let Some(follower) = &self.follower else {
            return Ok(());
        };
        let view = self.content();
        let origin = *follower
            .origin
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (store, prefix) = (self.shared.store.clone(), self.prefix.clone());
        let mut replay = Replay::resume(store, prefix, origin, view.position);
        match recover::replay_onto(view.state.clone(), &mut replay).await {
            Ok((content, None)) => {
                let growing = content.collection.growing().bytes;
                if growing > follower.reload_at.load(Ordering::Relaxed) {
                    return self.reload().await;
                }
                self.journal.advance(content, *replay.position());
                Ok(())
            }
            // The collector may have overtaken it, which looks like much else.
            Ok((_, Some(_))) | Err(_) => self.reload().await,
        }
    }

    /// Reads the newest checkpoint and what follows it. Parts that are open already stay so. Does
    /// nothing where this process is the writer.
    ///
    /// # Errors
    /// As [`Live::catch_up`].
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let Some(follower) = &self.follower else {
            return Ok(());
        };
        let view = self.content();
        let (shared, registered) = (&self.shared, &follower.registered);
        let known = &view.state.parts;
        let recovered = recover::recover(shared, registered, &self.prefix, None, known).await?;
        let Recovered {
            content,
            damage,
            replay,
            ..
        } = recovered;
        if let Some(damage) = damage {
            return Err(damage);
        }
        let mut new = content
            .parts
            .iter()
            .filter(|(id, _)| !known.contains_key(*id));
        new.try_for_each(|(_, file)| file.verify())?;
        *follower
            .origin
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = replay.origin();
        follower
            .reload_at
            .store(reload_at(&content), Ordering::Relaxed);
        self.journal.advance(content, *replay.position());
        Ok(())
    }
}
