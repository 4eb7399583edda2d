//! Snapshots: states that are kept, carried away as one stream of bytes, and brought back.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use bytes::Bytes;

use crate::{BoxFuture, CollectionRef, DatabaseName, Error, Timestamp};

/// Bytes that come piece by piece, so that nobody must hold all of them.
pub trait ByteSource: Send {
    /// The next piece, never empty; `None` at the end, and after it always.
    ///
    /// # Errors
    /// What broke the stream off; nothing comes after it.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>>;
}

/// What a snapshot is of. Each has a list of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SnapshotScope {
    /// A collection or alias.
    Collection(CollectionRef),
    /// One shard of a collection; a single process has shard 0 only, which is all of it.
    Shard {
        /// The collection or alias.
        collection: CollectionRef,
        /// The shard; `NotFound` unless 0.
        shard: u32,
    },
    /// Every collection of a database, and its aliases.
    Database(DatabaseName),
}

impl SnapshotScope {
    /// The database that it is about, or in.
    pub fn database(&self) -> &DatabaseName {
        match self {
            Self::Collection(collection) | Self::Shard { collection, .. } => &collection.database,
            Self::Database(database) => database,
        }
    }

    /// The collection that it is about, or none for a whole database.
    pub fn collection(&self) -> Option<&CollectionRef> {
        match self {
            Self::Collection(collection) | Self::Shard { collection, .. } => Some(collection),
            Self::Database(_) => None,
        }
    }
}

/// A snapshot that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Unique among those of its scope.
    pub name: String,
    /// When it was asked for.
    pub created: Timestamp,
    /// Length of its archive in bytes.
    pub bytes: u64,
    /// SHA-256 of its archive.
    pub sha256: [u8; 32],
}

/// Where an archive comes from, for executors that can reach there.
#[derive(Clone, PartialEq, Eq)]
pub enum SnapshotLocation {
    /// An address on the network.
    Url {
        /// The address, `http://…`.
        url: String,
        /// Key to be shown there.
        key: Option<String>,
    },
    /// A file of the machine that the executor runs on, by its path.
    File(String),
    /// A kept snapshot of the same scope, by its name.
    Kept(String),
}

impl fmt::Debug for SnapshotLocation {
    /// Says whether there is a key, never which.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, key } => f
                .debug_struct("Url")
                .field("url", url)
                .field("key", &key.is_some())
                .finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Kept(name) => f.debug_tuple("Kept").field(name).finish(),
        }
    }
}

/// Whether the caller of a long command waits for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The reply comes when it is done.
    UntilDone,
    /// The reply comes once it has begun; how it ends is told to nobody.
    UntilBegun,
}

/// Which archive is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveOf {
    /// That of a kept snapshot.
    Kept {
        /// Of what.
        scope: SnapshotScope,
        /// Its name.
        name: String,
    },
    /// One of the present state, which is not kept.
    Present(SnapshotScope),
}

/// An archive on its way out.
pub struct Archive {
    /// A name for the file.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its bytes. What they are read from stays stored until this is dropped.
    pub source: Box<dyn ByteSource>,
}

/// How an archive is brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRecovery {
    /// What becomes the state that the archive holds. A collection that does not exist is created;
    /// one that does is replaced, and keeps its aliases. A database has exactly the collections
    /// and aliases of the archive afterwards.
    pub into: SnapshotScope,
    /// What the SHA-256 of the archive must be.
    pub sha256: Option<[u8; 32]>,
    /// Whether the caller waits.
    pub waiting: Waiting,
}
