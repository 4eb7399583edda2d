//! A bucket as a store of whole objects.

use app::BoxFuture;
use app::storage::{
    Blob, BlobError, BlobErrorKind, BlobKey, BlobMeta, BlobStore, Body, GetOptions, ListOptions,
    PutIf, Slice, realign,
};
use bytes::Bytes;
use worker::send::{IntoSendFuture, SendWrapper};
use worker::{Bucket, Conditional, Range};

/// An R2 bucket. Its creation is atomic, and what was written is seen by every read that begins
/// later, wherever it runs.
pub(crate) struct R2Blobs(SendWrapper<Bucket>);

impl R2Blobs {
    pub(crate) fn new(bucket: Bucket) -> Self {
        Self(SendWrapper::new(bucket))
    }

    async fn put_body(&self, key: &BlobKey, body: &Body, when: PutIf) -> Result<(), BlobError> {
        let mut joined = Vec::with_capacity(body.len());
        for chunk in body.chunks() {
            joined.extend_from_slice(chunk);
        }
        let mut put = self.0.put(key.as_str(), joined);
        if when == PutIf::Absent {
            put = put.only_if(Conditional {
                etag_matches: None,
                etag_does_not_match: Some("*".into()),
                uploaded_before: None,
                uploaded_after: None,
            });
        }
        match put.execute().await {
            Ok(Some(_)) => Ok(()),
            // The condition did not hold.
            Ok(None) => Err(BlobError::conflict(key)),
            Err(cause) => Err(unavailable(key, &cause)),
        }
    }

    async fn get_slice(&self, key: &BlobKey, slice: Slice) -> Result<Blob, BlobError> {
        let range = match slice {
            Slice::All => None,
            // HTTP, which a bucket thinks in, has no empty range.
            Slice::Range { length: 0, .. } | Slice::Tail(0) => {
                return self.get_nothing(key, slice).await;
            }
            Slice::Range { offset, length } => Some(Range::OffsetWithLength { offset, length }),
            Slice::Tail(suffix) => Some(Range::Suffix { suffix }),
        };
        let mut get = self.0.get(key.as_str());
        if let Some(range) = range {
            get = get.range(range);
        }
        let object = match get.execute().await {
            Ok(Some(object)) => object,
            Ok(None) => return Err(BlobError::not_found(key)),
            Err(cause) => return self.explain(key, slice, &cause).await,
        };
        let size = object.size();
        let bytes = match object.body() {
            Some(body) => body
                .bytes()
                .await
                .map_err(|cause| unavailable(key, &cause))?,
            None => return Err(unavailable(key, &"an object without a body")),
        };
        // A bucket cuts a range at the end of the object.
        let (offset, length) = slice.resolve(size).ok_or_else(|| outside(key, size))?;
        if bytes.len() as u64 != length {
            return Err(unavailable(key, &"another number of bytes than asked for"));
        }
        Ok(Blob {
            bytes: realign(Bytes::from(bytes), offset),
            offset,
            size,
        })
    }

    /// A part without bytes of an object that must be there and reach so far.
    async fn get_nothing(&self, key: &BlobKey, slice: Slice) -> Result<Blob, BlobError> {
        let size = self.head(key).await?;
        let (offset, _) = slice.resolve(size).ok_or_else(|| outside(key, size))?;
        Ok(Blob {
            bytes: Bytes::new(),
            offset,
            size,
        })
    }

    /// Why a range was refused: it lies outside, or something else.
    async fn explain(
        &self,
        key: &BlobKey,
        slice: Slice,
        cause: &worker::Error,
    ) -> Result<Blob, BlobError> {
        let size = self.head(key).await?;
        match slice.resolve(size) {
            None => Err(outside(key, size)),
            Some((_, 0)) => self.get_nothing(key, slice).await,
            Some(_) => Err(unavailable(key, cause)),
        }
    }

    async fn head(&self, key: &BlobKey) -> Result<u64, BlobError> {
        match self.0.head(key.as_str()).await {
            Ok(Some(object)) => Ok(object.size()),
            Ok(None) => Err(BlobError::not_found(key)),
            Err(cause) => Err(unavailable(key, &cause)),
        }
    }

    async fn list_pages(&self, options: ListOptions<'_>) -> Result<Vec<BlobMeta>, BlobError> {
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let mut list = self.0.list().prefix(options.prefix);
            if let Some(after) = options.start_after {
                list = list.start_after(after.as_str());
            }
            if let Some(cursor) = cursor {
                list = list.cursor(cursor);
            }
            let page = list
                .execute()
                .await
                .map_err(|cause| failed("listing", &cause))?;
            for object in page.objects() {
                // Objects whose names are no keys were not put by us.
                if let Ok(key) = BlobKey::new(&object.key()) {
                    let size = object.size();
                    found.push(BlobMeta { key, size });
                }
            }
            cursor = page.cursor();
            let enough = options.limit.is_some_and(|limit| found.len() >= limit);
            if enough || !page.truncated() || cursor.is_none() {
                break;
            }
        }
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        found.truncate(options.limit.unwrap_or(usize::MAX));
        Ok(found)
    }
}

impl BlobStore for R2Blobs {
    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(async move { self.put_body(key, &body, when).await }.into_send())
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>> {
        Box::pin(self.get_slice(key, options.slice).into_send())
    }

    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        Box::pin(self.head(key).into_send())
    }

    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>> {
        Box::pin(self.list_pages(options).into_send())
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>> {
        let deleted = async move {
            let deleted = self.0.delete(key.as_str()).await;
            deleted.map_err(|cause| unavailable(key, &cause))
        };
        Box::pin(deleted.into_send())
    }
}

fn outside(key: &BlobKey, size: u64) -> BlobError {
    let message = format!("the object has only {size} bytes");
    BlobError::new(BlobErrorKind::Corrupt, message).about(key)
}

/// Whatever went wrong, whether the bucket did what it was asked is unknown.
fn unavailable(key: &BlobKey, cause: &impl std::fmt::Display) -> BlobError {
    failed("the bucket", cause).about(key)
}

fn failed(what: &str, cause: &impl std::fmt::Display) -> BlobError {
    BlobError::new(
        BlobErrorKind::Unavailable,
        format!("{what} failed: {cause}"),
    )
}
