//! Durable state as immutable objects: blob stores, the log, checkpoints, segment files.
//!
//! * [`BlobStore`] is all that Skerry asks of the outside world: whole objects by key and an
//!   atomic create-if-absent. [`conformance`] is the suite that every implementation runs.
//! * [`log`] turns that into an ordered, durable log per shard: one object per commit.
//!   [`checkpoint`] shortens its replay, [`collect`] removes what no checkpoint needs.
//! * [`container`] packs named blocks into one file that is opened by one tail read.
//! * [`attached`] packs bytes that are kept beside the points.
//! * [`snapshot`] names the objects of a state and carries them away as one stream.
//! * [`needed`] tells which objects a copy consists of.
//! * [`codec`] is the binary form of the model's operations inside log entries and checkpoints.
//!
//! Every byte is described in `docs/FORMAT.md`. Nothing here has a clock or a source of
//! randomness: times, nonces and ids come in as arguments.

pub mod attached;
mod blob;
mod blob_error;
pub mod checkpoint;
mod checksum;
mod chunks;
pub mod codec;
pub mod collect;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod container;
mod key;
pub mod log;
pub mod needed;
pub mod snapshot;
mod ulid;

pub use blob::{
    ALIGNMENT, Access, AlignedBuffer, Blob, BlobMeta, BlobStore, BlobStoreExt, Body, GetOptions,
    ListOptions, PutIf, Slice, aligned, realign, try_aligned, wrong_length,
};
pub use blob_error::{BlobError, BlobErrorKind};
pub use key::{BlobKey, KeyError};
pub use model::BoxFuture;
pub use ulid::Ulid;
