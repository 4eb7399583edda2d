//! What a request about snapshots is about.

use gateway::Call;
use http::StatusCode;
use model::{CollectionRef, DatabaseName, SnapshotScope};

use crate::error::Failure;
use crate::request;

/// A collection that should exist.
pub(super) fn collection(call: &Call<'_>) -> Result<SnapshotScope, Failure> {
    request::collection(call).map(SnapshotScope::Collection)
}

/// A shard of a collection that should exist.
pub(super) fn shard(call: &Call<'_>) -> Result<SnapshotScope, Failure> {
    of_shard(call, request::collection(call)?)
}

/// A collection that may come into being.
pub(super) fn new_collection(call: &Call<'_>) -> Result<SnapshotScope, Failure> {
    request::new_collection(call).map(SnapshotScope::Collection)
}

/// A shard of a collection that may come into being.
pub(super) fn new_shard(call: &Call<'_>) -> Result<SnapshotScope, Failure> {
    of_shard(call, request::new_collection(call)?)
}

/// Every collection.
pub(super) fn everything() -> SnapshotScope {
    SnapshotScope::Database(DatabaseName::default())
}

fn of_shard(call: &Call<'_>, collection: CollectionRef) -> Result<SnapshotScope, Failure> {
    let shard = call.param("shard_id");
    let shard = shard.parse().map_err(|_| {
        let text = format!("Deserialize error in path parameters: {shard:?} is not a shard id");
        Failure::new(StatusCode::BAD_REQUEST, text)
    })?;
    Ok(SnapshotScope::Shard { collection, shard })
}
