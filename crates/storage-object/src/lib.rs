//! Blob stores for native programs: a local directory, memory, anything `object_store` speaks to.
//!
//! * [`LocalStore`]: a directory, durable by default; [`open_local`] adds the weaker promise of
//!   [`Durability::Interval`] where it is asked for.
//! * [`ObjectStoreBlobs`]: an adapter over the crate `object_store`; [`memory_store`] is its
//!   in-memory store, `cloud_store` opens buckets by address.
//! * [`WriteBehind`]: acknowledges small writes from memory and writes them a little later.

// An adapter: files are read and written on tokio's blocking threads, and delayed writes need a
// task and a timer.
#![allow(clippy::disallowed_methods)]

#[cfg(feature = "clouds")]
mod cloud;
mod local;
mod object;
mod write_behind;

#[cfg(feature = "clouds")]
pub use cloud::{CLOUD_SCHEMES, cloud_store, probe_create};
pub use local::{LocalStore, open_local};
pub use object::{ObjectStoreBlobs, memory_store};
pub use write_behind::{Durability, WriteBehind};
