//! The conformance suite over every store of this crate, and over stores broken on purpose.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::sync::Arc;
use std::time::Duration;

use skerry_storage_object::{Durability, LocalStore, memory_store, open_local};
use storage::{
    Blob, BlobError, BlobErrorKind, BlobKey, BlobMeta, BlobStore, BlobStoreExt, Body, BoxFuture,
    GetOptions, ListOptions, PutIf, conformance,
};

#[tokio::test]
async fn memory() {
    conformance::all(&memory_store()).await;
}

#[tokio::test]
async fn local_directory() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    conformance::all(&store).await;
    conformance::all(&store).await;
}

#[tokio::test]
async fn local_directory_with_delayed_writes() {
    let root = tempfile::tempdir().unwrap();
    for interval_ms in [0, 1, 50] {
        let durability = Durability::Interval(Duration::from_millis(interval_ms));
        let store = open_local(root.path(), durability).unwrap();
        conformance::all(&*store).await;
        store.sync().await.unwrap();
    }
}

#[tokio::test]
async fn delayed_writes_reach_the_store_in_order_and_by_themselves() {
    let beneath: Arc<dyn BlobStore> = Arc::new(memory_store());
    let interval = Duration::from_millis(5);
    let store = skerry_storage_object::WriteBehind::start(Arc::clone(&beneath), interval);
    let key = BlobKey::new("a").unwrap();
    store
        .put(&key, b"one".to_vec().into(), PutIf::Absent)
        .await
        .unwrap();
    assert!(beneath.get_if_present(&key).await.unwrap().is_none());
    for _ in 0..2000 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if beneath.get_if_present(&key).await.unwrap().is_some() {
            return;
        }
    }
    panic!("the background writer did not write");
}

#[tokio::test]
async fn a_second_process_is_refused_and_the_first_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let first = LocalStore::open(root.path()).unwrap();
    let error = LocalStore::open(root.path()).err().unwrap();
    assert_eq!(error.kind(), BlobErrorKind::Conflict);
    assert!(
        error.to_string().contains("in use by another process"),
        "{error}"
    );
    let key = BlobKey::new("a").unwrap();
    first
        .put(&key, b"x".to_vec().into(), PutIf::Absent)
        .await
        .unwrap();
    drop(first);
    let again = LocalStore::open(root.path()).unwrap();
    assert_eq!(&again.get_all(&key).await.unwrap()[..], b"x");
}

/// What is wrong with a [`Broken`] store.
#[derive(Clone, Copy)]
enum Fault {
    /// Create checks for the object first and writes it later.
    RacyCreate,
    /// Create always overwrites.
    NoCreate,
    /// Listings leave out the newest object.
    StaleList,
    /// Ranges are cut at the end instead of refused.
    ClippedRange,
}

/// A store in memory with one fault.
struct Broken {
    inner: Arc<dyn BlobStore>,
    fault: Fault,
}

impl BlobStore for Broken {
    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(async move {
            let when = match (self.fault, when) {
                (Fault::RacyCreate, PutIf::Absent) => {
                    if self.inner.size(key).await.is_ok() {
                        return Err(BlobError::conflict(key));
                    }
                    tokio::task::yield_now().await;
                    PutIf::Overwrite
                }
                (Fault::NoCreate, _) => PutIf::Overwrite,
                (_, when) => when,
            };
            self.inner.put(key, body, when).await
        })
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        mut options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>> {
        Box::pin(async move {
            if let (Fault::ClippedRange, storage::Slice::Range { offset, length }) =
                (self.fault, options.slice)
            {
                let size = self.inner.size(key).await?;
                let end = offset.saturating_add(length).min(size);
                let length = end.saturating_sub(offset);
                options.slice = storage::Slice::Range {
                    offset: offset.min(size),
                    length,
                };
            }
            self.inner.get(key, options).await
        })
    }

    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        self.inner.size(key)
    }

    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>> {
        Box::pin(async move {
            let mut listed = self.inner.list(options).await?;
            if matches!(self.fault, Fault::StaleList) {
                listed.pop();
            }
            Ok(listed)
        })
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>> {
        self.inner.delete(key)
    }
}

async fn run_broken(fault: Fault) {
    conformance::all(&Broken {
        inner: Arc::new(memory_store()),
        fault,
    })
    .await;
}

#[tokio::test]
#[should_panic(expected = "of one object believe that they won")]
async fn a_check_then_write_create_is_found() {
    run_broken(Fault::RacyCreate).await;
}

#[tokio::test]
#[should_panic(expected = "a second create must conflict")]
async fn a_create_that_overwrites_is_found() {
    run_broken(Fault::NoCreate).await;
}

#[tokio::test]
#[should_panic]
async fn a_stale_listing_is_found() {
    run_broken(Fault::StaleList).await;
}

#[tokio::test]
#[should_panic(expected = "Range")]
async fn a_clipped_range_is_found() {
    run_broken(Fault::ClippedRange).await;
}
