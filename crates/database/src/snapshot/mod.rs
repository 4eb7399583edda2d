//! States that are kept, carried away and brought back.
//!
//! A snapshot is an entry of the catalog (its name, its checksum, the parts that it pins) and a
//! manifest under an identity of its own, beside which lies what was not in any part yet. Work on
//! snapshots goes on when its caller leaves; whatever it writes is reserved in the catalog first,
//! so that objects of work that did not end are found and removed.
//!
//! | module | what is in it |
//! |---|---|
//! | [`create`] | from the present state to a manifest, and keeping it |
//! | [`deliver`] | from a manifest to an archive |
//! | [`recover`] | from an archive to collections |

mod create;
mod deliver;
mod recover;

use std::sync::Arc;

use futures::channel::oneshot;
use model::{
    CollectionRef, Error, ErrorKind, Outcome, SnapshotInfo, SnapshotScope, Subject, Timestamp,
    Waiting,
};
use storage::codec::{CatalogChange, SnapshotEntry};
use storage::{Ulid, snapshot};

use crate::database::Database;
use crate::housekeeping::Housekeeping;
use crate::pins::Hold;

impl Database {
    /// Snapshots of `scope`, oldest first.
    ///
    /// # Errors
    /// `NotFound` about the scope.
    pub(crate) fn snapshots(&self, scope: &SnapshotScope) -> Result<Vec<SnapshotInfo>, Error> {
        let scope = self.resolve_scope(scope)?;
        let catalog = &self.catalog.view().state;
        let here = catalog.snapshots().filter(|entry| entry.scope == scope);
        Ok(here.map(|entry| info(entry)).collect())
    }

    pub(crate) async fn delete_snapshot(
        &self,
        scope: SnapshotScope,
        name: String,
    ) -> Result<Outcome, Error> {
        let entry = self.find_snapshot(&scope, &name)?;
        let id = entry.id;
        match self.change(CatalogChange::LetGo { id }).await? {
            Outcome::Existed(true) => {}
            // Someone else was faster.
            _ => return Err(no_snapshot(&name)),
        }
        for (owner, parts) in &entry.pins {
            // What is not open looks for itself when it is opened.
            if let Some(live) = self.open_collection(*owner) {
                live.look_for_garbage(parts.iter().copied());
            }
        }
        Ok(Outcome::Done)
    }

    /// `scope` by its own name and not an alias.
    ///
    /// # Errors
    /// `NotFound`.
    fn resolve_scope(&self, scope: &SnapshotScope) -> Result<SnapshotScope, Error> {
        let resolve = |name: &CollectionRef| -> Result<CollectionRef, Error> {
            let view = self.catalog.view();
            Ok(view.state.resolve(name)?.name.clone())
        };
        Ok(match scope {
            SnapshotScope::Collection(collection) => {
                SnapshotScope::Collection(resolve(collection)?)
            }
            SnapshotScope::Shard { collection, shard } => {
                let collection = resolve(collection)?;
                known_shard(*shard)?;
                let shard = *shard;
                SnapshotScope::Shard { collection, shard }
            }
            SnapshotScope::Database(database) => {
                self.known(database)?;
                scope.clone()
            }
        })
    }

    fn find_snapshot(
        &self,
        scope: &SnapshotScope,
        name: &str,
    ) -> Result<Arc<SnapshotEntry>, Error> {
        let scope = self.resolve_scope(scope)?;
        let view = self.catalog.view();
        let mut entries = view.state.snapshots();
        let found = entries.find(|entry| entry.scope == scope && entry.name == name);
        found.cloned().ok_or_else(|| no_snapshot(name))
    }

    /// Does `work` beside everything else, whether its caller goes on waiting or not.
    async fn beside<T: Send + 'static>(
        &self,
        waiting: Waiting,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let (sender, ended) = oneshot::channel();
        self.shared.host.spawn(Box::pin(async move {
            let outcome = work.await;
            if let Err(error) = &outcome {
                tracing::warn!(%error, "work on a snapshot failed");
            }
            // Nobody listens any more when the caller has left.
            let _ = sender.send(outcome);
        }));
        match waiting {
            Waiting::UntilBegun => Ok(None),
            Waiting::UntilDone => {
                let broken = |_| Err(Error::internal("work on a snapshot broke down"));
                ended.await.unwrap_or_else(broken).map(Some)
            }
        }
    }

    pub(crate) fn me(&self) -> Result<Arc<Self>, Error> {
        let message = "the database is gone";
        let gone = || Error::new(ErrorKind::Unavailable, Subject::Storage, message);
        self.me.upgrade().ok_or_else(gone)
    }
}

/// Identities that work reads or writes under; let go when it ends.
struct Work {
    database: Arc<Database>,
    holds: Vec<Hold>,
}

impl Work {
    fn new(database: Arc<Database>) -> Self {
        Self {
            database,
            holds: Vec::new(),
        }
    }

    /// New identities that are garbage unless something claims them.
    async fn reserve(&mut self, count: usize) -> Result<Vec<Ulid>, Error> {
        let shared = &self.database.shared;
        let ids: Vec<Ulid> = (0..count).map(|_| shared.new_id()).collect();
        for id in &ids {
            self.holds.push(shared.pins.hold(*id, []));
        }
        let change = CatalogChange::Reserve { ids: ids.clone() };
        self.commit(change).await?;
        Ok(ids)
    }

    /// Changes the catalog. When it is unknown whether it was, nothing is let go until the next
    /// start, which will know.
    async fn commit(&mut self, change: CatalogChange) -> Result<(), Error> {
        let changed = self.database.change(change).await;
        if let Err(error) = &changed
            && error.kind == ErrorKind::Unavailable
        {
            self.holds.drain(..).for_each(std::mem::forget);
        }
        changed.map(|_| ())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let identities: Vec<Ulid> = self.holds.drain(..).map(|hold| hold.identity()).collect();
        for id in identities {
            if let Some(live) = self.database.open_collection(id) {
                live.look_for_garbage([]);
            }
        }
        Housekeeping::kick(&self.database);
    }
}

/// A single process has one shard of each collection.
fn known_shard(shard: u32) -> Result<(), Error> {
    if shard == 0 {
        return Ok(());
    }
    let message = format!("shard {shard} not found");
    Err(Error::new(ErrorKind::NotFound, Subject::Request, message))
}

fn no_snapshot(name: &str) -> Error {
    let message = format!("Snapshot {name} not found");
    Error::new(ErrorKind::NotFound, Subject::Request, message)
}

fn info(entry: &SnapshotEntry) -> SnapshotInfo {
    SnapshotInfo {
        name: entry.name.clone(),
        created: created(entry.id.unix_ms()),
        bytes: entry.bytes,
        sha256: entry.sha256,
    }
}

fn created(unix_ms: u64) -> Timestamp {
    Timestamp(i64::try_from(unix_ms).map_or(i64::MAX, |ms| ms.saturating_mul(1000)))
}

/// A name that says what it is of and when it was made, and that no other has.
fn name_of(scope: &SnapshotScope, id: Ulid) -> String {
    let at = created(id.unix_ms()).to_second().replace(['T', ':'], "-");
    let bytes = id.to_bytes();
    let mut random = [0; 8];
    random[1..].copy_from_slice(&bytes[9..]);
    let random = u64::from_be_bytes(random);
    match scope {
        SnapshotScope::Collection(collection) => {
            format!("{}-{random}-{at}.snapshot", collection.name)
        }
        SnapshotScope::Shard { collection, shard } => {
            format!("{}-shard-{shard}-{random}-{at}.snapshot", collection.name)
        }
        SnapshotScope::Database(_) => format!("full-snapshot-{random}-{at}.snapshot"),
    }
}

/// What the manifest says of `scope`.
fn manifest_scope(scope: &SnapshotScope) -> snapshot::Scope {
    match scope {
        SnapshotScope::Collection(_) => snapshot::Scope::Collection,
        SnapshotScope::Shard { .. } => snapshot::Scope::Shard,
        SnapshotScope::Database(_) => snapshot::Scope::Database,
    }
}
