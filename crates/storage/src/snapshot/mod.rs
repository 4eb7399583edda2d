//! Snapshots: a manifest that names immutable objects, and those objects.
//!
//! A snapshot is kept without copying: its [`Manifest`] names objects by key, size and checksum,
//! and whoever removes garbage leaves them alone. What it adds of its own (rows that were not in
//! any object yet) lies beside the manifest. Carried away, the same manifest and the same objects
//! follow each other in one stream, the *archive* ([`Packer`], [`Unpacker`]): an ordinary tar file,
//! manifest first. Two stores can so be compared by manifests alone, and only what one lacks must
//! be carried.
//!
//! Nothing here holds more than one piece of an object in memory.

mod manifest;
mod pack;
mod tape;
mod unpack;

pub use manifest::{CollectionEntry, Manifest, ObjectEntry, Scope};
pub use pack::Packer;
pub use unpack::Unpacker;

use model::{ByteSource, Error};
use sha2::{Digest, Sha256};

use crate::key::{BlobKey, KeyError};
use crate::ulid::Ulid;

/// Bytes of one piece of an archive on its way out.
pub const PIECE_BYTES: u64 = 1 << 20;

/// Where everything of the snapshot `id` lies that is its own.
///
/// # Errors
/// Never, in truth: a ULID is letters and digits.
pub fn prefix(id: Ulid) -> Result<BlobKey, KeyError> {
    BlobKey::new(&format!("snap/{id}"))
}

/// Where the manifest of the snapshot `id` lies.
///
/// # Errors
/// As [`prefix`].
pub fn manifest_key(id: Ulid) -> Result<BlobKey, KeyError> {
    BlobKey::new(&format!("snap/{id}/manifest"))
}

/// SHA-256 of everything that `source` gives.
///
/// # Errors
/// Those of `source`.
pub async fn sha256(mut source: impl ByteSource) -> Result<[u8; 32], Error> {
    let mut sum = Sha256::new();
    while let Some(piece) = source.next().await? {
        sum.update(&piece);
    }
    Ok(sum.finalize().into())
}
