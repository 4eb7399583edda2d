//! A log that begins with a state instead of entry 1.

use bytes::Bytes;

use super::boundary::Boundary;
use super::entry::{Link, Nonce, Position};
use crate::blob::BlobStore;
use crate::blob_error::BlobError;
use crate::checkpoint;
use crate::key::BlobKey;

/// Begins the log at `prefix`, where nothing is yet, with the state `payload`.
///
/// The state is the checkpoint of an entry 1 that never was, and the boundary says that entry 1
/// does not count. So a log whose only checkpoint is lost cannot be taken for a new, empty one.
///
/// # Errors
/// Those of the store; what was written so far is of no use.
pub async fn begin(
    store: &dyn BlobStore,
    prefix: &BlobKey,
    nonce: Nonce,
    payload: Vec<Bytes>,
) -> Result<(), BlobError> {
    let position = Position {
        n: 1,
        sequence: 0,
        epoch: 0,
        link: Link { nonce, crc: 0 },
    };
    checkpoint::write(store, prefix, position, payload).await?;
    let mut boundary = Boundary::find(store, prefix).await?;
    boundary.raise(store, prefix, position.n + 1).await
}
