//! The weaker promise: small writes are acknowledged from memory and written a little later.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use model::{ByteSource, Error};
use storage::{
    Blob, BlobError, BlobErrorKind, BlobKey, BlobMeta, BlobStore, BlobStoreExt, Body, BoxFuture,
    GetOptions, ListOptions, PutIf, realign,
};
use tokio::sync::Mutex as AsyncMutex;

/// When an acknowledged write is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Before the acknowledgement.
    #[default]
    Sync,
    /// At most so much later. When the process or the machine dies, writes of up to that time are
    /// lost, the latest first; what remains is a consistent earlier state.
    Interval(Duration),
}

/// Larger objects are written through at once: they are segment parts, which are rare, and must be
/// on disk before the log entry that names them.
const DELAYED_BYTES_MAX: usize = 1 << 20;
/// Writers wait for the disk when so much is not yet written.
const PENDING_BYTES_MAX: usize = 64 << 20;

/// Delays the small writes of another store and writes them in the order of their acknowledgement,
/// so that a crash cuts off the end and leaves no gap.
///
/// [`BlobStore::sync`] writes everything at once and must be called before the store is let go.
/// When delayed writes fail, new ones are refused until they have succeeded.
pub struct WriteBehind {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn BlobStore>,
    pending: Mutex<Pending>,
    /// Held while a put decides whether its key is free: see [`WriteBehind::put`].
    deciding: AsyncMutex<()>,
    /// Held while pending writes are written, in their order.
    writing: AsyncMutex<()>,
}

#[derive(Default)]
struct Pending {
    next: u64,
    bytes: usize,
    /// Newest delayed write per key.
    by_key: BTreeMap<BlobKey, u64>,
    /// Delayed writes by order of acknowledgement.
    in_order: BTreeMap<u64, Delayed>,
    /// Why the last attempt to write failed.
    failure: Option<BlobErrorKind>,
}

#[derive(Clone)]
struct Delayed {
    key: BlobKey,
    bytes: bytes::Bytes,
    when: PutIf,
}

impl Pending {
    fn find(&self, key: &BlobKey) -> Option<&Delayed> {
        self.in_order.get(self.by_key.get(key)?)
    }

    fn push(&mut self, delayed: Delayed) {
        let at = self.next;
        self.next += 1;
        self.bytes += delayed.bytes.len();
        self.by_key.insert(delayed.key.clone(), at);
        self.in_order.insert(at, delayed);
    }

    fn remove(&mut self, at: u64) {
        if let Some(delayed) = self.in_order.remove(&at) {
            self.bytes -= delayed.bytes.len();
            if self.by_key.get(&delayed.key) == Some(&at) {
                self.by_key.remove(&delayed.key);
            }
        }
    }
}

impl WriteBehind {
    /// Delays writes to `store` by `interval` at most. Must be called inside a tokio runtime,
    /// which runs the background writer until this store is dropped.
    pub fn start(store: Arc<dyn BlobStore>, interval: Duration) -> Self {
        let inner = Arc::new(Inner {
            store,
            pending: Mutex::default(),
            deciding: AsyncMutex::default(),
            writing: AsyncMutex::default(),
        });
        tokio::spawn(write_regularly(Arc::downgrade(&inner), interval));
        Self { inner }
    }
}

async fn write_regularly(inner: Weak<Inner>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(inner) = inner.upgrade() else { return };
        // A failure is kept in `pending` and told to the next writer.
        let _ = inner.write_pending().await;
    }
}

impl Inner {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        // No code that can panic runs under this lock.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write_pending(&self) -> Result<(), BlobError> {
        let _writing = self.writing.lock().await;
        let next = |inner: &Self| {
            inner
                .pending()
                .in_order
                .first_key_value()
                .map(|(at, delayed)| (*at, delayed.clone()))
        };
        while let Some((at, delayed)) = next(self) {
            if let Err(error) = self.write(&delayed).await {
                self.pending().failure = Some(error.kind());
                return Err(error);
            }
            let mut pending = self.pending();
            pending.failure = None;
            pending.remove(at);
        }
        Ok(())
    }

    async fn write(&self, delayed: &Delayed) -> Result<(), BlobError> {
        let Delayed { key, bytes, when } = delayed;
        match self.store.put(key, bytes.clone().into(), *when).await {
            // An earlier attempt whose acknowledgement was lost.
            Err(error) if error.kind() == BlobErrorKind::Conflict => {
                if self.store.get_all(key).await? == *bytes {
                    Ok(())
                } else {
                    Err(error)
                }
            }
            other => other,
        }
    }

    async fn delay(&self, key: &BlobKey, body: Body, when: PutIf) -> Result<(), BlobError> {
        if self.pending().bytes > PENDING_BYTES_MAX {
            self.write_pending().await?;
        }
        if let Some(kind) = self.pending().failure {
            return Err(BlobError::new(
                kind,
                "earlier writes have not reached the disk",
            ));
        }
        let bytes = body.to_aligned();
        self.pending().push(Delayed {
            key: key.clone(),
            bytes,
            when,
        });
        Ok(())
    }

    async fn exists(&self, key: &BlobKey) -> Result<bool, BlobError> {
        // Pending first: what leaves it is in the store by then.
        if self.pending().find(key).is_some() {
            return Ok(true);
        }
        match self.store.size(key).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == BlobErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl BlobStore for WriteBehind {
    fn maps(&self) -> bool {
        self.inner.store.maps()
    }

    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(async move {
            // Deciding and delaying under one lock makes "create if absent" atomic; the store
            // beneath belongs to this process alone.
            let _deciding = self.inner.deciding.lock().await;
            if when == PutIf::Absent && self.inner.exists(key).await? {
                return Err(BlobError::conflict(key));
            }
            if body.len() <= DELAYED_BYTES_MAX {
                return self.inner.delay(key, body, when).await;
            }
            self.inner.write_pending().await?;
            self.inner.store.put(key, body, when).await
        })
    }

    fn put_stream<'a>(
        &'a self,
        key: &'a BlobKey,
        bytes: u64,
        source: &'a mut dyn ByteSource,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            // Streams are long, and other keys must not wait for their end: that the key is not
            // decided about meanwhile is the caller's business, as for every key of its own.
            if when == PutIf::Absent && self.inner.exists(key).await? {
                return Err(BlobError::conflict(key).into());
            }
            self.inner.write_pending().await?;
            self.inner.store.put_stream(key, bytes, source, when).await
        })
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>> {
        Box::pin(async move {
            let delayed = self.inner.pending().find(key).cloned();
            let Some(Delayed { bytes, .. }) = delayed else {
                return self.inner.store.get(key, options).await;
            };
            let size = bytes.len() as u64;
            let Some((offset, length)) = options.slice.resolve(size) else {
                let message = format!("the object has only {size} bytes");
                return Err(BlobError::new(BlobErrorKind::Corrupt, message).about(key));
            };
            let part = bytes.slice(offset as usize..(offset + length) as usize);
            Ok(Blob {
                bytes: realign(part, offset),
                offset,
                size,
            })
        })
    }

    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        Box::pin(async move {
            let delayed = self
                .inner
                .pending()
                .find(key)
                .map(|delayed| delayed.bytes.len() as u64);
            match delayed {
                Some(size) => Ok(size),
                None => self.inner.store.size(key).await,
            }
        })
    }

    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>> {
        Box::pin(async move {
            // Pending first: what leaves it meanwhile is in the listing that follows.
            let mut metas: BTreeMap<BlobKey, u64> = {
                let pending = self.inner.pending();
                let wanted = |delayed: &&Delayed| {
                    delayed.key.as_str().starts_with(options.prefix)
                        && options.start_after.is_none_or(|after| delayed.key > *after)
                };
                let delayed = pending.in_order.values().filter(wanted);
                delayed
                    .map(|delayed| (delayed.key.clone(), delayed.bytes.len() as u64))
                    .collect()
            };
            for meta in self.inner.store.list(options).await? {
                metas.entry(meta.key).or_insert(meta.size);
            }
            let limit = options.limit.unwrap_or(usize::MAX);
            Ok(metas
                .into_iter()
                .take(limit)
                .map(|(key, size)| BlobMeta { key, size })
                .collect())
        })
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(async move {
            let _deciding = self.inner.deciding.lock().await;
            // Written before it is deleted, lest an earlier write of the key follow the deletion.
            if self.inner.pending().find(key).is_some() {
                self.inner.write_pending().await?;
            }
            self.inner.store.delete(key).await
        })
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), BlobError>> {
        Box::pin(async move {
            self.inner.write_pending().await?;
            self.inner.store.sync().await
        })
    }
}
