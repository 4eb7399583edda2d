//! A store that is written in JavaScript: memory, OPFS, IndexedDB, HTTP.

use app::BoxFuture;
use app::storage::{
    ALIGNMENT, Blob, BlobError, BlobErrorKind, BlobKey, BlobMeta, BlobStore, Body, GetOptions,
    ListOptions, PutIf, Slice, aligned,
};
use bytes::Bytes;
use js_sys::{Array, Error as JsError, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// What every file in `wasm/js/stores` has.
    #[wasm_bindgen(typescript_type = "Store")]
    pub type JsStore;

    /// `false`: there is an object already, and it was to be created.
    #[wasm_bindgen(method, catch)]
    async fn put(
        this: &JsStore,
        key: &str,
        chunks: Array,
        if_absent: bool,
    ) -> Result<JsValue, JsValue>;

    /// `length` bytes from `offset`, or from so many before the end when `offset` is negative; to
    /// the end when `length` is negative. `null`: no such object.
    #[wasm_bindgen(method, catch)]
    async fn get(
        this: &JsStore,
        key: &str,
        offset: f64,
        length: f64,
    ) -> Result<Option<Found>, JsValue>;

    /// `null`: no such object.
    #[wasm_bindgen(method, catch)]
    async fn size(this: &JsStore, key: &str) -> Result<JsValue, JsValue>;

    /// Pairs of key and size, in any order.
    #[wasm_bindgen(method, catch)]
    async fn list(this: &JsStore, prefix: &str) -> Result<JsValue, JsValue>;

    /// What the last `get` of this range gave was damaged. Stores that keep no copies need not have
    /// this.
    #[wasm_bindgen(method, catch)]
    async fn forget(
        this: &JsStore,
        key: &str,
        offset: f64,
        length: f64,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn delete(this: &JsStore, key: &str) -> Result<JsValue, JsValue>;

    /// What `get` gives: the bytes, or none where the range is not in the object; its whole size.
    #[wasm_bindgen(js_name = Object)]
    pub type Found;

    #[wasm_bindgen(method, getter)]
    fn bytes(this: &Found) -> Option<Uint8Array>;

    #[wasm_bindgen(method, getter)]
    fn size(this: &Found) -> f64;
}

/// A store of JavaScript's.
pub(crate) struct JsBlobs(SendWrapper<JsStore>);

impl JsBlobs {
    pub(crate) fn new(store: JsStore) -> Self {
        Self(SendWrapper::new(store))
    }

    async fn put_body(&self, key: &BlobKey, body: &Body, when: PutIf) -> Result<(), BlobError> {
        let chunks = body.chunks().iter();
        let chunks: Array = chunks.map(|chunk| Uint8Array::from(&chunk[..])).collect();
        let if_absent = when == PutIf::Absent;
        let put = self.0.put(key.as_str(), chunks, if_absent).await;
        match put.map_err(|cause| failed(key, &cause))?.is_falsy() {
            false => Ok(()),
            true => Err(BlobError::conflict(key)),
        }
    }

    async fn get_slice(&self, key: &BlobKey, slice: Slice) -> Result<Blob, BlobError> {
        if slice == Slice::Tail(0) {
            return self.get_nothing(key).await;
        }
        let (offset, length) = numbers(slice);
        let found = self.0.get(key.as_str(), offset, length).await;
        let found = found.map_err(|cause| failed(key, &cause))?;
        let found = found.ok_or_else(|| BlobError::not_found(key))?;
        let size = found.size() as u64;
        let place = slice.resolve(size).zip(found.bytes());
        let ((offset, length), bytes) = place.ok_or_else(|| outside(key, size))?;
        if u64::from(bytes.length()) != length {
            let message = format!("{} bytes came instead of {length}", bytes.length());
            return Err(BlobError::new(BlobErrorKind::Unavailable, message).about(key));
        }
        Ok(Blob {
            bytes: taken_over(&bytes, offset),
            offset,
            size,
        })
    }

    async fn get_nothing(&self, key: &BlobKey) -> Result<Blob, BlobError> {
        let size = self.size_of(key).await?;
        Ok(Blob {
            bytes: Bytes::new(),
            offset: size,
            size,
        })
    }

    async fn size_of(&self, key: &BlobKey) -> Result<u64, BlobError> {
        let size = self.0.size(key.as_str()).await;
        let size = size.map_err(|cause| failed(key, &cause))?.as_f64();
        size.map(|size| size as u64)
            .ok_or_else(|| BlobError::not_found(key))
    }

    async fn listed(&self, options: ListOptions<'_>) -> Result<Vec<BlobMeta>, BlobError> {
        let listed = self.0.list(options.prefix).await;
        let listed = listed.map_err(|cause| error(&cause))?;
        let mut found = Vec::new();
        for pair in Array::from(&listed).iter() {
            let pair = Array::from(&pair);
            let key = pair
                .get(0)
                .as_string()
                .and_then(|key| BlobKey::new(&key).ok());
            // Objects whose names are no keys were not put by us.
            let (Some(key), Some(size)) = (key, pair.get(1).as_f64()) else {
                continue;
            };
            let wanted = options.start_after.is_none_or(|after| key > *after);
            if wanted && key.as_str().starts_with(options.prefix) {
                let size = size as u64;
                found.push(BlobMeta { key, size });
            }
        }
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        found.truncate(options.limit.unwrap_or(usize::MAX));
        Ok(found)
    }
}

/// A slice as JavaScript is told it.
fn numbers(slice: Slice) -> (f64, f64) {
    match slice {
        Slice::All => (0.0, -1.0),
        Slice::Range { offset, length } => (offset as f64, length as f64),
        Slice::Tail(length) => (-(length as f64), -1.0),
    }
}

/// The bytes in memory of the module, aligned as a store has to give them; the one copy.
fn taken_over(bytes: &Uint8Array, offset: u64) -> Bytes {
    let lead = (offset % ALIGNMENT as u64) as usize;
    let length = bytes.length() as usize;
    aligned(lead + length, |to| bytes.copy_to(&mut to[lead..])).slice(lead..)
}

impl BlobStore for JsBlobs {
    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>> {
        let put = async move { self.put_body(key, &body, when).await };
        Box::pin(SendWrapper::new(put))
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>> {
        Box::pin(SendWrapper::new(self.get_slice(key, options.slice)))
    }

    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        Box::pin(SendWrapper::new(self.size_of(key)))
    }

    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>> {
        Box::pin(SendWrapper::new(self.listed(options)))
    }

    fn forget<'a>(&'a self, key: &'a BlobKey, slice: Slice) -> BoxFuture<'a, ()> {
        let forgotten = async move {
            let (offset, length) = numbers(slice);
            // A store without copies has no such method. What cannot be dropped is found damaged
            // again, and said.
            let _ = self.0.forget(key.as_str(), offset, length).await;
        };
        Box::pin(SendWrapper::new(forgotten))
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>> {
        let deleted = async move {
            let deleted = self.0.delete(key.as_str()).await;
            deleted.map(|_| ()).map_err(|cause| failed(key, &cause))
        };
        Box::pin(SendWrapper::new(deleted))
    }
}

fn outside(key: &BlobKey, size: u64) -> BlobError {
    let message = format!("the object has only {size} bytes");
    BlobError::new(BlobErrorKind::Corrupt, message).about(key)
}

fn failed(key: &BlobKey, cause: &JsValue) -> BlobError {
    error(cause).about(key)
}

/// What a store has thrown. Errors are told apart by their names, which browsers have agreed on.
fn error(cause: &JsValue) -> BlobError {
    let Some(cause) = cause.dyn_ref::<JsError>() else {
        let message = format!("the store failed: {cause:?}");
        return BlobError::new(BlobErrorKind::Unavailable, message);
    };
    let (name, message) = (String::from(cause.name()), String::from(cause.message()));
    match name.as_str() {
        "QuotaExceededError" => {
            let message = format!("the browser's quota for this site is used up: {message}");
            BlobError::new(BlobErrorKind::Full, message)
        }
        "ReadOnlyStoreError" => BlobError::new(BlobErrorKind::Unsupported, message),
        _ => BlobError::new(
            BlobErrorKind::Unavailable,
            format!("the store failed: {name}: {message}"),
        ),
    }
}
