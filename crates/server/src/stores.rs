//! Stores by the address that a person gives: a directory, memory, a bucket.

use std::sync::Arc;
use std::time::Duration;

use app::{BlobStore, Error};

use crate::settings::{Data, Durability};

/// The store at `data`, which becomes one when there is nothing.
///
/// # Errors
/// When a directory is in use by another process, a bucket cannot be reached, or creates objects
/// for more than one writer.
pub(crate) async fn open(data: &Data, durability: Durability) -> Result<Arc<dyn BlobStore>, Error> {
    match data {
        Data::Memory => Ok(Arc::new(storage_object::memory_store())),
        Data::Directory(path) => {
            let durability = match durability {
                Durability::Sync => storage_object::Durability::Sync,
                Durability::Interval { period_ms } => {
                    let period = Duration::from_millis(period_ms.into());
                    storage_object::Durability::Interval(period)
                }
            };
            Ok(storage_object::open_local(path, durability)?)
        }
        Data::Bucket(address) => open_bucket(address).await,
    }
}

#[cfg(feature = "clouds")]
async fn open_bucket(address: &str) -> Result<Arc<dyn BlobStore>, Error> {
    let store = storage_object::cloud_store(address, std::env::vars())?;
    storage_object::probe_create(&store).await?;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "clouds"))]
async fn open_bucket(address: &str) -> Result<Arc<dyn BlobStore>, Error> {
    let message = format!("{address}: buckets are not in this build (feature `clouds`)");
    Err(Error::unsupported(message))
}
