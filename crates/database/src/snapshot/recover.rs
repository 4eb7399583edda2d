//! From an archive to collections.
//!
//! What the archive holds is written under new identities that nothing names, opened once to see
//! that it can be, and then takes the place of what was there by one change of the catalog.

use std::sync::Arc;

use model::{
    ArchiveOf, ByteSource, CollectionRef, DatabaseName, Error, Outcome, Schema, SnapshotLocation,
    SnapshotRecovery, SnapshotScope,
};
use storage::codec::{self, CatalogChange, CollectionState};
use storage::collect::part_key;
use storage::log::{self, Nonce};
use storage::snapshot::{Manifest, Scope, Unpacker};
use storage::{BlobKey, Ulid};

use super::{Work, known_shard};
use crate::catalog::Registered;
use crate::collection::recover;
use crate::database::Database;
use crate::shared::collection_prefix;

impl Database {
    pub(crate) async fn recover_from(
        &self,
        recovery: SnapshotRecovery,
        location: SnapshotLocation,
    ) -> Result<Outcome, Error> {
        check_target(self, &recovery.into)?;
        let source: Box<dyn ByteSource> = match location {
            SnapshotLocation::Kept(name) => {
                let scope = recovery.into.clone();
                self.open_archive(ArchiveOf::Kept { scope, name })
                    .await?
                    .source
            }
            SnapshotLocation::Url { .. } | SnapshotLocation::File(_) => {
                self.shared.host.fetch(location).await?
            }
        };
        self.begin_recovery(recovery, source).await
    }

    /// As [`model::Executor::recover`].
    pub(crate) async fn recover_archive(
        &self,
        recovery: SnapshotRecovery,
        source: Box<dyn ByteSource>,
    ) -> Result<Outcome, Error> {
        let waiting = recovery.waiting;
        // The source breaks off when its caller leaves, so the caller is kept waiting.
        let waited = SnapshotRecovery {
            waiting: model::Waiting::UntilDone,
            ..recovery
        };
        self.begin_recovery(waited, source).await?;
        Ok(match waiting {
            model::Waiting::UntilDone => Outcome::Done,
            model::Waiting::UntilBegun => Outcome::Accepted,
        })
    }

    async fn begin_recovery(
        &self,
        recovery: SnapshotRecovery,
        source: Box<dyn ByteSource>,
    ) -> Result<Outcome, Error> {
        check_target(self, &recovery.into)?;
        let waiting = recovery.waiting;
        let work = carry_out(self.me()?, recovery, source);
        Ok(match self.beside(waiting, work).await? {
            Some(()) => Outcome::Done,
            None => Outcome::Accepted,
        })
    }

    /// The name that `into` has, which may be an alias, and `None` for a whole database.
    fn target(&self, into: &SnapshotScope) -> Option<CollectionRef> {
        let name = into.collection()?;
        let view = self.catalog.view();
        let known = view.state.resolve(name);
        Some(known.map_or_else(|_| name.clone(), |known| known.name.clone()))
    }

    /// A collection keeps the vectors that it was made with: its clients count on them.
    async fn check_vectors(&self, name: &CollectionRef, schema: &Schema) -> Result<(), Error> {
        if self.catalog.view().state.get(name).is_none() {
            return Ok(());
        }
        // What cannot be opened is what a snapshot is the remedy for.
        let Ok(live) = self.live(name).await else {
            return Ok(());
        };
        let content = live.content();
        let fields = |schema: &Schema| {
            let fields = schema.vectors.iter();
            fields
                .map(|field| (field.name.clone(), field.kind))
                .collect::<Vec<_>>()
        };
        let there = fields(content.state.collection.schema());
        let wanted = fields(schema);
        if there != wanted {
            return Err(Error::invalid(format!(
                "Snapshot is not compatible with existing collection: \
                 Collection vectors: {there:?} Snapshot Vectors: {wanted:?}"
            )));
        }
        Ok(())
    }
}

/// What can be said before anything is read.
fn check_target(database: &Database, into: &SnapshotScope) -> Result<(), Error> {
    match into {
        SnapshotScope::Collection(collection) => database.known(&collection.database),
        SnapshotScope::Shard { collection, shard } => {
            database.known(&collection.database)?;
            known_shard(*shard)
        }
        SnapshotScope::Database(name) => database.known(name),
    }
}

async fn carry_out(
    database: Arc<Database>,
    recovery: SnapshotRecovery,
    source: Box<dyn ByteSource>,
) -> Result<(), Error> {
    let started_us = database.shared.host.monotonic_us();
    let mut unpacker = Unpacker::new(source);
    let mut manifest = unpacker.manifest().await?;
    rename(&database, &recovery.into, &mut manifest).await?;
    let mut work = Work::new(Arc::clone(&database));
    let ids = work.reserve(manifest.collections.len()).await?;
    let store = &*database.shared.store;
    for (entry, id) in manifest.collections.iter().zip(&ids) {
        for object in &entry.objects {
            let damaged = || Error::invalid("the manifest of the snapshot names no part");
            let part = object.part().ok_or_else(damaged)?;
            let key = part_key(&collection_prefix(*id), part)?;
            unpacker.store(object, store, &key).await?;
        }
    }
    let found = unpacker.finish().await?;
    if let Some(wanted) = recovery.sha256
        && wanted != found
    {
        return Err(mismatch(&wanted, &found));
    }
    let mut collections = Vec::new();
    for (entry, id) in manifest.collections.iter().zip(&ids) {
        begin(&database, &entry.name, *id, &entry.state).await?;
        collections.push((entry.name.clone(), (*id, entry.state.schema.clone())));
    }
    let aliases = match manifest.scope {
        Scope::Collection | Scope::Shard => None,
        Scope::Database => Some(manifest.aliases),
    };
    let change = CatalogChange::Restore {
        database: recovery.into.database().clone(),
        collections,
        aliases,
    };
    work.commit(change).await?;
    let ms = database
        .shared
        .host
        .monotonic_us()
        .saturating_sub(started_us)
        / 1000;
    tracing::info!(into = ?recovery.into, ms, "recovered from a snapshot");
    Ok(())
}

/// Gives the collection of the manifest the name that it is to have.
///
/// # Errors
/// `Invalid` when the archive does not fit the target.
async fn rename(
    database: &Database,
    into: &SnapshotScope,
    manifest: &mut Manifest,
) -> Result<(), Error> {
    let whole = match manifest.scope {
        Scope::Collection | Scope::Shard => false,
        Scope::Database => true,
    };
    let Some(name) = database.target(into) else {
        return match whole {
            true => {
                move_into(into.database(), manifest);
                Ok(())
            }
            false => Err(Error::invalid(
                "this is a snapshot of one collection and not of the whole database",
            )),
        };
    };
    match &mut manifest.collections[..] {
        [entry] if !whole => {
            database.check_vectors(&name, &entry.state.schema).await?;
            entry.name = name;
            Ok(())
        }
        _ => Err(Error::invalid(
            "this is a snapshot of a whole database and not of one collection",
        )),
    }
}

/// What was in one database is in `database` from now on.
fn move_into(database: &DatabaseName, manifest: &mut Manifest) {
    for entry in &mut manifest.collections {
        entry.name.database = database.clone();
    }
    for (alias, _) in &mut manifest.aliases {
        alias.database = database.clone();
    }
}

/// Begins the log of the collection `id` with `state`, whose parts are stored, and opens all of it
/// once.
async fn begin(
    database: &Database,
    name: &CollectionRef,
    id: Ulid,
    state: &CollectionState,
) -> Result<(), Error> {
    let shared = &database.shared;
    let payload = codec::to_bytes(state)?;
    let registered = Registered {
        name: name.clone(),
        id,
        schema: Arc::new(state.schema.clone()),
    };
    let unreadable = |error: Error| match error.kind {
        // The store keeps what it was given: it is the archive that makes no sense.
        model::ErrorKind::Corrupt => {
            Error::invalid(format!("the snapshot cannot be opened: {}", error.message))
        }
        _ => error,
    };
    recover::check(shared, &registered, &payload)
        .await
        .map_err(unreadable)?;
    let nonce = Nonce(shared.host.random().to_le_bytes());
    let prefix: BlobKey = collection_prefix(id);
    log::begin(&*shared.store, &prefix, nonce, vec![payload]).await?;
    Ok(())
}

fn mismatch(wanted: &[u8; 32], found: &[u8; 32]) -> Error {
    let hex = |sum: &[u8; 32]| {
        sum.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    Error::invalid(format!(
        "Snapshot checksum mismatch: expected {}, got {}",
        hex(wanted),
        hex(found)
    ))
}
