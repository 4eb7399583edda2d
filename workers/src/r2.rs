//! A bucket as a store of whole objects.

use app::BoxFuture;
use app::storage::{
    ALIGNMENT, Blob, BlobError, BlobErrorKind, BlobKey, BlobMeta, BlobStore, Body, GetOptions,
    ListOptions, PutIf, Slice, aligned,
};
use bytes::Bytes;
use js_sys::{ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use worker::send::{IntoSendFuture, SendWrapper};
use worker::{Bucket, Conditional};

#[wasm_bindgen]
extern "C" {
    /// A bucket as the platform has it. The crate's own way to an object's bytes copies them once
    /// into a buffer, from which they would have to be copied to where they are aligned.
    #[wasm_bindgen(js_name = Object)]
    type Reader;

    #[wasm_bindgen(method, catch)]
    async fn get(this: &Reader, key: &str, options: &Object) -> Result<Option<Found>, JsValue>;

    /// What `get` gives; `null`: no such object.
    #[wasm_bindgen(js_name = Object)]
    type Found;

    #[wasm_bindgen(method, getter)]
    fn size(this: &Found) -> f64;

    #[wasm_bindgen(method, catch, js_name = arrayBuffer)]
    async fn array_buffer(this: &Found) -> Result<ArrayBuffer, JsValue>;
}

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
            Slice::Range { offset, length } => Some(object(&[
                ("offset", offset as f64),
                ("length", length as f64),
            ])),
            Slice::Tail(suffix) => Some(object(&[("suffix", suffix as f64)])),
        };
        let options = Object::new();
        if let Some(range) = range {
            set(&options, "range", &range);
        }
        let bucket: &JsValue = self.0.as_ref();
        let bucket: &Reader = bucket.unchecked_ref();
        let found = match bucket.get(key.as_str(), &options).await {
            Ok(Some(found)) => found,
            Ok(None) => return Err(BlobError::not_found(key)),
            Err(cause) => return self.explain(key, slice, &cause.into()).await,
        };
        let size = found.size() as u64;
        let bytes = found.array_buffer().await;
        let bytes = bytes.map_err(|cause| unavailable(key, &worker::Error::from(cause)))?;
        let bytes = Uint8Array::new(&bytes);
        // A bucket cuts a range at the end of the object.
        let (offset, length) = slice.resolve(size).ok_or_else(|| outside(key, size))?;
        if u64::from(bytes.length()) != length {
            return Err(unavailable(key, &"another number of bytes than asked for"));
        }
        let lead = (offset % ALIGNMENT as u64) as usize;
        let whole = aligned(lead + length as usize, |to| bytes.copy_to(&mut to[lead..]));
        Ok(Blob {
            bytes: whole.slice(lead..),
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

/// A JavaScript object of these numbers.
fn object(fields: &[(&str, f64)]) -> Object {
    let object = Object::new();
    for &(name, number) in fields {
        set(&object, name, &number.into());
    }
    object
}

fn set(object: &Object, name: &str, value: &JsValue) {
    // An object that was just made takes every property.
    let _ = Reflect::set(object, &name.into(), value);
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
