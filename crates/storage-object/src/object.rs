//! A blob store over any store of the crate `object_store`.

use std::sync::Arc;

use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    Error as Cause, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};
use storage::{
    Blob, BlobError, BlobErrorKind, BlobKey, BlobMeta, BlobStore, Body, BoxFuture, GetOptions,
    ListOptions, PutIf, Slice, realign,
};

/// Adapts an `object_store` store. It must offer an atomic `PutMode::Create`.
pub struct ObjectStoreBlobs {
    store: Arc<dyn ObjectStore>,
    /// Whether bodies are joined into one aligned buffer before they are handed on: right for a
    /// store that keeps that very buffer, a waste for one that sends it over a network.
    keeps_buffers: bool,
}

/// A store in memory, for tests and throw-away databases. Its objects die with it.
pub fn memory_store() -> ObjectStoreBlobs {
    ObjectStoreBlobs {
        store: Arc::new(InMemory::new()),
        keeps_buffers: true,
    }
}

impl ObjectStoreBlobs {
    /// Adapts `store`, which is reached over a network.
    pub fn remote(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            keeps_buffers: false,
        }
    }

    async fn get_slice(&self, key: &BlobKey, slice: Slice) -> Result<Blob, BlobError> {
        let range = match slice {
            Slice::All => None,
            // HTTP has no empty range, and a range that starts at the end is an error there.
            Slice::Range { length: 0, .. } | Slice::Tail(0) => {
                return self.get_nothing(key, slice).await;
            }
            Slice::Range { offset, length } => {
                let Some(end) = offset.checked_add(length) else {
                    return self.get_nothing(key, slice).await;
                };
                Some(GetRange::Bounded(offset..end))
            }
            Slice::Tail(length) => Some(GetRange::Suffix(length)),
        };
        let options = object_store::GetOptions {
            range,
            ..Default::default()
        };
        let found = match self.store.get_opts(&path(key), options).await {
            Ok(found) => found,
            // Stores differ in how they refuse a range beyond the end; the size tells.
            Err(Cause::NotFound { .. }) => return Err(BlobError::not_found(key)),
            Err(cause) => return self.explain(key, slice, cause).await,
        };
        let (offset, size) = (found.range.start, found.meta.size);
        let bytes = found.bytes().await.map_err(|cause| error(key, cause))?;
        if slice.resolve(size) != Some((offset, bytes.len() as u64)) {
            return Err(outside(key, size));
        }
        Ok(Blob {
            bytes: realign(bytes, offset),
            offset,
            size,
        })
    }

    async fn get_nothing(&self, key: &BlobKey, slice: Slice) -> Result<Blob, BlobError> {
        let size = self.head(key).await?;
        let (offset, _) = slice.resolve(size).ok_or_else(|| outside(key, size))?;
        Ok(Blob {
            bytes: bytes::Bytes::new(),
            offset,
            size,
        })
    }

    /// Why a ranged get was refused: an empty object, a range outside, or something else.
    async fn explain(&self, key: &BlobKey, slice: Slice, cause: Cause) -> Result<Blob, BlobError> {
        let size = self.head(key).await?;
        match slice.resolve(size) {
            None => Err(outside(key, size)),
            Some((offset, 0)) => Ok(Blob {
                bytes: bytes::Bytes::new(),
                offset,
                size,
            }),
            Some(_) => Err(error(key, cause)),
        }
    }

    async fn head(&self, key: &BlobKey) -> Result<u64, BlobError> {
        let meta = self
            .store
            .head(&path(key))
            .await
            .map_err(|cause| error(key, cause))?;
        Ok(meta.size)
    }
}

impl BlobStore for ObjectStoreBlobs {
    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(async move {
            let payload = if self.keeps_buffers {
                PutPayload::from(body.to_aligned())
            } else {
                body.chunks().iter().cloned().collect()
            };
            let mode = match when {
                PutIf::Absent => PutMode::Create,
                PutIf::Overwrite => PutMode::Overwrite,
            };
            let options = PutOptions {
                mode,
                ..Default::default()
            };
            let put = self.store.put_opts(&path(key), payload, options).await;
            put.map(|_| ()).map_err(|cause| error(key, cause))
        })
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>> {
        Box::pin(self.get_slice(key, options.slice))
    }

    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        Box::pin(self.head(key))
    }

    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>> {
        Box::pin(async move {
            // `object_store` lists whole folders; what is left of the prefix is matched here.
            let folder = options
                .prefix
                .rsplit_once('/')
                .map(|(folder, _)| Path::from(folder));
            let listing = match options.start_after {
                Some(after) => self.store.list_with_offset(folder.as_ref(), &path(after)),
                None => self.store.list(folder.as_ref()),
            };
            let metas: Vec<_> = listing
                .try_collect()
                .await
                .map_err(|cause| unavailable("listing failed", cause))?;
            let mut found = Vec::with_capacity(metas.len());
            for meta in metas {
                let name = meta.location.as_ref();
                // Objects whose names are no keys were not put by us.
                let Ok(key) = BlobKey::new(name) else {
                    continue;
                };
                let wanted = options.start_after.is_none_or(|after| key > *after);
                if wanted && name.starts_with(options.prefix) {
                    found.push(BlobMeta {
                        key,
                        size: meta.size,
                    });
                }
            }
            found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            found.truncate(options.limit.unwrap_or(usize::MAX));
            Ok(found)
        })
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(async move {
            match self.store.delete(&path(key)).await {
                Ok(()) | Err(Cause::NotFound { .. }) => Ok(()),
                Err(cause) => Err(error(key, cause)),
            }
        })
    }
}

fn path(key: &BlobKey) -> Path {
    Path::from(key.as_str())
}

fn outside(key: &BlobKey, size: u64) -> BlobError {
    let message = format!("the object has only {size} bytes");
    BlobError::new(BlobErrorKind::Corrupt, message).about(key)
}

fn unavailable(message: &str, cause: Cause) -> BlobError {
    BlobError::new(BlobErrorKind::Unavailable, message).because(cause)
}

/// The one translation of `object_store`'s errors.
fn error(key: &BlobKey, cause: Cause) -> BlobError {
    match cause {
        Cause::NotFound { .. } => BlobError::not_found(key),
        Cause::AlreadyExists { .. } | Cause::Precondition { .. } => BlobError::conflict(key),
        Cause::NotSupported { .. } | Cause::NotImplemented { .. } => {
            BlobError::new(BlobErrorKind::Unsupported, "the store cannot do this")
                .because(cause)
                .about(key)
        }
        // `object_store`'s error is open-ended; whatever else happened, the outcome is unknown.
        other => unavailable("the store failed", other).about(key),
    }
}
