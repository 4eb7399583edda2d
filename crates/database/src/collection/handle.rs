//! A collection that is opened when it is first used.

use std::sync::{Arc, OnceLock};

use futures::lock::Mutex;
use model::Error;

use super::{Live, recover};
use crate::catalog::Registered;
use crate::shared::Shared;

/// A registered collection, open or not. A thousand collections that nobody uses cost their names.
pub(crate) struct Handle {
    registered: Registered,
    shared: Arc<Shared>,
    live: OnceLock<Arc<Live>>,
    /// Held while it is opened or closed; why it is closed for good.
    closed: Mutex<Option<Error>>,
}

impl Handle {
    pub(crate) fn new(registered: Registered, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            registered,
            shared,
            live: OnceLock::new(),
            closed: Mutex::new(None),
        })
    }

    /// The open collection. The first call opens it; the others wait for that.
    ///
    /// # Errors
    /// Those of [`recover::open`]; the next call tries again.
    pub(crate) async fn live(&self) -> Result<Arc<Live>, Error> {
        if let Some(live) = self.live.get() {
            return Ok(Arc::clone(live));
        }
        if self.shared.options.read_only {
            // Nothing is owned, so nobody needs to wait: see `follow`.
            let live = recover::open(&self.shared, &self.registered).await;
            let live = live.inspect_err(|error| self.cannot_open(error))?;
            return Ok(Arc::clone(self.live.get_or_init(|| live)));
        }
        let closed = self.closed.lock().await;
        if let Some(live) = self.live.get() {
            return Ok(Arc::clone(live));
        }
        if let Some(reason) = &*closed {
            return Err(reason.clone());
        }
        let live = recover::open(&self.shared, &self.registered)
            .await
            .inspect_err(|error| self.cannot_open(error))?;
        Ok(Arc::clone(self.live.get_or_init(|| live)))
    }

    fn cannot_open(&self, error: &Error) {
        tracing::error!(collection = %self.registered.name.name, %error, "cannot be opened");
    }

    /// The collection if it is open already.
    pub(crate) fn live_if_open(&self) -> Option<&Arc<Live>> {
        self.live.get()
    }

    /// Its own name, and its schema at the beginning.
    pub(crate) fn registered(&self) -> &Registered {
        &self.registered
    }

    /// Finishes what was asked for and refuses all else, with `reason`.
    pub(crate) async fn close(&self, reason: Error) {
        *self.closed.lock().await = Some(reason.clone());
        if let Some(live) = self.live.get() {
            live.close(reason).await;
        }
    }
}
