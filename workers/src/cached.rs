//! A bucket whose parts are kept in the platform's cache, near to whoever asks.

use app::BoxFuture;
use app::storage::{
    Blob, BlobError, BlobKey, BlobMeta, BlobStore, Body, GetOptions, ListOptions, PutIf, Slice,
    realign,
};
use bytes::Bytes;
use worker::send::IntoSendFuture;
use worker::{Cache, Headers, Response};

use crate::r2::R2Blobs;

/// Header of a cached answer with the size of the whole object.
const SIZE: &str = "x-object-size";

/// What a cache may do with something that never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// A bucket and the platform's cache.
///
/// Parts have names that are used once, so what the cache knows of one is true as long as it is
/// asked for. All else is asked of the bucket. The cache is a help: without it (on `workers.dev`
/// there is none) everything is as it is, and slower.
pub(crate) struct CachedBlobs(R2Blobs);

impl CachedBlobs {
    pub(crate) fn new(bucket: R2Blobs) -> Self {
        Self(bucket)
    }

    async fn get_slice(&self, key: &BlobKey, options: GetOptions) -> Result<Blob, BlobError> {
        let Some(url) = name(key, options.slice) else {
            return self.0.get(key, options).await;
        };
        let cache = Cache::default();
        if let Some(blob) = kept(&cache, &url, options.slice).await {
            return Ok(blob);
        }
        let blob = self.0.get(key, options).await?;
        // A cache that refuses makes the next read slower, and nothing worse.
        if let Ok(answer) = answer(&blob) {
            let _ = cache.put(url.as_str(), answer).await;
        }
        Ok(blob)
    }
}

/// The address under which a slice of a part is kept; `None` for what is no part.
fn name(key: &BlobKey, slice: Slice) -> Option<String> {
    if !key.as_str().contains("/seg/") {
        return None;
    }
    let slice = match slice {
        Slice::All => "all".to_owned(),
        Slice::Range { offset, length } => format!("{offset}+{length}"),
        Slice::Tail(length) => format!("-{length}"),
    };
    Some(format!("https://parts.skerry.invalid/{key}?{slice}"))
}

async fn kept(cache: &Cache, url: &str, slice: Slice) -> Option<Blob> {
    let mut answer = cache.get(url, false).await.ok()??;
    let size: u64 = answer.headers().get(SIZE).ok()??.parse().ok()?;
    let (offset, length) = slice.resolve(size)?;
    let bytes = Bytes::from(answer.bytes().await.ok()?);
    (bytes.len() as u64 == length).then(|| Blob {
        bytes: realign(bytes, offset),
        offset,
        size,
    })
}

fn answer(blob: &Blob) -> worker::Result<Response> {
    let headers = Headers::new();
    headers.set("cache-control", FOREVER)?;
    headers.set(SIZE, &blob.size.to_string())?;
    Ok(Response::from_bytes(blob.bytes.to_vec())?.with_headers(headers))
}

impl BlobStore for CachedBlobs {
    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>> {
        self.0.put(key, body, when)
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>> {
        Box::pin(self.get_slice(key, options).into_send())
    }

    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        self.0.size(key)
    }

    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>> {
        self.0.list(options)
    }

    fn forget<'a>(&'a self, key: &'a BlobKey, slice: Slice) -> BoxFuture<'a, ()> {
        let forgotten = async move {
            if let Some(url) = name(key, slice) {
                // What cannot be dropped is found damaged again, and said.
                let _ = Cache::default().delete(url.as_str(), false).await;
            }
        };
        Box::pin(forgotten.into_send())
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>> {
        self.0.delete(key)
    }
}
