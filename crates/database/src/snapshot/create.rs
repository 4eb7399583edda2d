//! From the present state to a manifest, and keeping it.

use std::sync::Arc;

use model::{CollectionName, CollectionRef, Error, ErrorKind, Outcome, SnapshotScope, Waiting};
use storage::codec::{CatalogChange, SnapshotEntry};
use storage::snapshot::{self, CollectionEntry, Manifest, Packer};
use storage::{PutIf, Ulid};

use super::{Work, info, manifest_scope, name_of};
use crate::catalog::Catalog;
use crate::collection::Live;
use crate::collection::freeze::Held;
use crate::database::Database;

/// How often the list of collections may change while they are opened, before that is an error.
const ATTEMPTS_MAX: usize = 5;

/// The present state of something as objects, which stay stored while this is held.
pub(super) struct Taken {
    pub(super) manifest: Manifest,
    /// As in [`SnapshotEntry`].
    pub(super) pins: Vec<(Ulid, Vec<Ulid>)>,
    pub(super) work: Work,
}

impl Database {
    pub(crate) async fn create_snapshot(
        &self,
        scope: SnapshotScope,
        waiting: Waiting,
    ) -> Result<Outcome, Error> {
        let scope = self.resolve_scope(&scope)?;
        let work = keep(self.me()?, scope);
        match self.beside(waiting, work).await? {
            Some(entry) => Ok(Outcome::Snapshot(info(&entry))),
            None => Ok(Outcome::Accepted),
        }
    }

    /// One view of each collection that `scope` holds, and the aliases.
    ///
    /// Writes go on meanwhile: what was acknowledged before this was called is in the views.
    async fn views(&self, scope: &SnapshotScope) -> Result<Views, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let before = self.catalog.view();
            let names = names(&before.state, scope);
            let mut open = Vec::new();
            for name in &names {
                match self.live(name).await {
                    Ok(live) => open.push(live),
                    Err(error) if error.kind == ErrorKind::NotFound => break,
                    Err(error) => return Err(error),
                }
            }
            // All at once, so that they are as close to one moment as can be.
            let held: Vec<_> = open.iter().map(|live| live.hold(live.id())).collect();
            let now = self.catalog.view();
            // Taken before the catalog is looked at again: see `crate::pins`.
            let there = |live: &Arc<Live>| now.state.has_collection(live.id());
            let complete = open.len() == names.len() && open.iter().all(there);
            if complete && self::names(&now.state, scope) == names {
                let aliases = aliases(&now.state, scope);
                let collections = names.into_iter().zip(open).zip(held);
                let collections = collections.map(|((name, live), held)| (name, live, held));
                return Ok((collections.collect(), aliases));
            }
            if names.is_empty() || (scope.collection().is_some() && open.is_empty()) {
                // The one collection is gone.
                self.resolve_scope(scope)?;
            }
        }
        let message = "collections come and go too fast for a snapshot of all";
        Err(Error::new(
            ErrorKind::Unavailable,
            model::Subject::Request,
            message,
        ))
    }
}

type Views = (
    Vec<(CollectionRef, Arc<Live>, Held)>,
    Vec<(CollectionRef, CollectionName)>,
);

fn names(catalog: &Catalog, scope: &SnapshotScope) -> Vec<CollectionRef> {
    match scope {
        SnapshotScope::Collection(collection) | SnapshotScope::Shard { collection, .. } => {
            vec![collection.clone()]
        }
        SnapshotScope::Database(database) => catalog
            .collections()
            .filter(|known| known.name.database == *database)
            .map(|known| known.name.clone())
            .collect(),
    }
}

fn aliases(catalog: &Catalog, scope: &SnapshotScope) -> Vec<(CollectionRef, CollectionName)> {
    match scope {
        SnapshotScope::Collection(_) | SnapshotScope::Shard { .. } => Vec::new(),
        SnapshotScope::Database(database) => catalog
            .aliases()
            .filter(|(alias, _)| alias.database == *database)
            .map(|(alias, target)| (alias.clone(), target.clone()))
            .collect(),
    }
}

/// Freezes the present state of `scope`, which is resolved.
pub(super) async fn take(database: Arc<Database>, scope: &SnapshotScope) -> Result<Taken, Error> {
    let mut work = Work::new(Arc::clone(&database));
    let ids = work.reserve(1).await?;
    let id = ids[0];
    let home = snapshot::prefix(id)?;
    let (views, aliases) = database.views(scope).await?;
    let (mut collections, mut pins) = (Vec::new(), Vec::new());
    let mut views_held = Vec::new();
    for (name, live, Held { view, hold }) in views {
        work.holds.push(hold);
        views_held.push((name, live, view));
    }
    for (name, live, view) in views_held {
        live.check_sound()?;
        let frozen = live.freeze(&view, &home).await?;
        pins.push((live.id(), frozen.shared));
        collections.push(CollectionEntry {
            name,
            state: frozen.state,
            objects: frozen.objects,
        });
    }
    let manifest = Manifest {
        id,
        created_ms: id.unix_ms(),
        scope: manifest_scope(scope),
        collections,
        aliases,
    };
    Ok(Taken {
        manifest,
        pins,
        work,
    })
}

async fn keep(database: Arc<Database>, scope: SnapshotScope) -> Result<SnapshotEntry, Error> {
    let store = Arc::clone(&database.shared.store);
    let started_us = database.shared.host.monotonic_us();
    let Taken {
        manifest,
        pins,
        mut work,
    } = take(database, &scope).await?;
    // Reading it all finds damage now, and not when the snapshot is needed.
    let packer = Packer::new(Arc::clone(&store), &manifest)?;
    let bytes = packer.bytes();
    let sha256 = snapshot::sha256(packer).await?;
    let id = manifest.id;
    let key = snapshot::manifest_key(id)?;
    store.put(&key, manifest.encode()?, PutIf::Absent).await?;
    let entry = SnapshotEntry {
        id,
        name: name_of(&scope, id),
        scope,
        bytes,
        sha256,
        pins,
    };
    work.commit(CatalogChange::Keep(entry.clone())).await?;
    let now_us = work.database.shared.host.monotonic_us();
    let ms = now_us.saturating_sub(started_us) / 1000;
    tracing::info!(name = entry.name, bytes, ms, "snapshot kept");
    Ok(entry)
}
