//! A blob store in a map: no threads, no runtime, the same steps every time.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use storage::{
    Blob, BlobError, BlobErrorKind, BlobKey, BlobMeta, BlobStore, Body, BoxFuture, GetOptions,
    ListOptions, PutIf, realign,
};

/// Objects in a map. Every call completes at its first poll.
#[derive(Debug, Default)]
pub struct MapStore {
    objects: Mutex<BTreeMap<BlobKey, Bytes>>,
}

impl MapStore {
    /// Flips all bits of byte `at` of the object, as a failing disk would.
    ///
    /// # Panics
    /// When there is no such object or byte.
    pub fn corrupt(&self, key: &BlobKey, at: usize) {
        let mut objects = self.objects();
        let object = objects.get_mut(key).expect("the object to corrupt exists");
        let mut bytes = object.to_vec();
        bytes[at] = !bytes[at];
        *object = bytes.into();
    }

    /// All keys, ascending.
    pub fn keys(&self) -> Vec<String> {
        self.objects().keys().map(ToString::to_string).collect()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<BlobKey, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, key: &BlobKey, options: GetOptions) -> Result<Blob, BlobError> {
        let found = self.objects().get(key).cloned();
        let bytes = found.ok_or_else(|| BlobError::not_found(key))?;
        let size = bytes.len() as u64;
        let (offset, length) = options.slice.resolve(size).ok_or_else(|| {
            BlobError::new(BlobErrorKind::Corrupt, "outside the object").about(key)
        })?;
        let part = bytes.slice(offset as usize..(offset + length) as usize);
        Ok(Blob {
            bytes: realign(part, offset),
            offset,
            size,
        })
    }
}

impl BlobStore for MapStore {
    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(async move {
            let mut objects = self.objects();
            if when == PutIf::Absent && objects.contains_key(key) {
                return Err(BlobError::conflict(key));
            }
            objects.insert(key.clone(), body.to_aligned());
            Ok(())
        })
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>> {
        Box::pin(async move { self.read(key, options) })
    }

    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        Box::pin(async move { self.read(key, GetOptions::default()).map(|blob| blob.size) })
    }

    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>> {
        let objects = self.objects();
        let wanted = objects.iter().filter(|(key, _)| {
            key.as_str().starts_with(options.prefix)
                && options.start_after.is_none_or(|after| *key > after)
        });
        let metas = wanted.map(|(key, bytes)| BlobMeta {
            key: key.clone(),
            size: bytes.len() as u64,
        });
        let metas = metas.take(options.limit.unwrap_or(usize::MAX)).collect();
        Box::pin(ready(Ok(metas)))
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(async move {
            self.objects().remove(key);
            Ok(())
        })
    }
}
