//! Buckets of S3, Google Cloud Storage and Azure, by address.

use std::sync::{Arc, Once};

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::prefix::PrefixStore;
use storage::{BlobError, BlobErrorKind, BlobKey, BlobStore, PutIf};
use url::Url;

use crate::object::ObjectStoreBlobs;

/// What addresses of buckets begin with.
pub const CLOUD_SCHEMES: [&str; 3] = ["s3", "gs", "az"];

/// The object that the probe creates once and finds ever after.
const PROBE: &str = "probe/create-if-absent";

/// The bucket at `address`, such as `s3://bucket/folder`. Keys and endpoint come from
/// `variables`, which have the names that the tools of each cloud give them
/// (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, …); others are passed over. Nothing is sent yet.
///
/// # Errors
/// `Unsupported` when the address or a variable makes no sense.
pub fn cloud_store(
    address: &str,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<ObjectStoreBlobs, BlobError> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Only a second call can fail.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let refused = |cause: &dyn std::fmt::Display| {
        let message = format!("`{address}` is not the address of a bucket: {cause}");
        BlobError::new(BlobErrorKind::Unsupported, message)
    };
    let url = Url::parse(address).map_err(|cause| refused(&cause))?;
    if !CLOUD_SCHEMES.contains(&url.scheme()) {
        return Err(refused(&format!("`{}:` is none of theirs", url.scheme())));
    }
    let opened = object_store::parse_url_opts(&url, variables);
    let (store, folder) = opened.map_err(|cause| refused(&cause))?;
    let store: Arc<dyn ObjectStore> = Arc::from(store);
    Ok(ObjectStoreBlobs::remote(match folder.as_ref() {
        "" => store,
        _ => Arc::new(PrefixStore::new(store, folder)),
    }))
}

/// Finds out whether `store` creates an object for one of several writers only, which a log rests
/// on; some that speak S3 do not. Writes one object, once.
///
/// # Errors
/// `Unsupported` when it does not; those of the store.
pub async fn probe_create(store: &dyn BlobStore) -> Result<(), BlobError> {
    let key = BlobKey::new(PROBE).expect("the words are a key");
    let create = || store.put(&key, Bytes::from_static(b"probe").into(), PutIf::Absent);
    match create().await {
        Ok(()) => {}
        Err(error) if error.kind() == BlobErrorKind::Conflict => return Ok(()),
        Err(error) => return Err(error),
    }
    match create().await {
        Err(error) if error.kind() == BlobErrorKind::Conflict => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(BlobError::new(
            BlobErrorKind::Unsupported,
            "this store overwrites objects that should only be created: two writers would lose \
             each other's writes",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::memory_store;

    #[test]
    fn addresses_are_checked() {
        let none = Vec::new;
        for bad in ["nothing", "ftp://a/b", "s3://", "https://a/b"] {
            assert!(cloud_store(bad, none()).is_err(), "{bad}");
        }
        let region = vec![("AWS_REGION".to_owned(), "eu-west-1".to_owned())];
        assert!(cloud_store("s3://bucket/folder", region).is_ok());
    }

    #[tokio::test]
    async fn a_probe_passes_on_a_store_that_keeps_its_word_and_leaves_one_object() {
        let store = memory_store();
        probe_create(&store).await.unwrap();
        probe_create(&store).await.unwrap();
        let listed = store.list(storage::ListOptions::default()).await.unwrap();
        assert_eq!(listed.len(), 1);
    }
}
