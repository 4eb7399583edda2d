//! A database: a catalog, the collections in it, and the door to both.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures::future::{Either, join, join_all, select, try_join_all};
use model::{
    AliasChange, Archive, ArchiveOf, BoxFuture, ByteSource, CollectionName, CollectionRef, Command,
    DatabaseName, Error, ErrorKind, Executor, Outcome, Query, Reply, Schema, SnapshotRecovery,
    Subject, Visibility, WriteOp,
};
use storage::codec::{self, CatalogChange};
use storage::log::{EntryKind, Log, LogError, Origin, Recovery, Replay};
use storage::{BlobStore, Ulid};

use crate::catalog::{Catalog, Registered};
use crate::collection::Live;
use crate::collection::content::Content;
use crate::collection::handle::Handle;
use crate::host::Host;
use crate::housekeeping::Housekeeping;
use crate::journal::{Journal, State, View};
use crate::options::Options;
use crate::query;
use crate::shared::{Shared, catalog_prefix};
use crate::stats::DatabaseStats;

/// An open database.
pub struct Database {
    /// For work that goes on when its caller does not wait.
    pub(crate) me: Weak<Self>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) catalog: Arc<Journal<Catalog>>,
    pub(crate) housekeeping: Housekeeping,
    /// Where a reader has its catalog from.
    origin: Mutex<Origin>,
    /// Collections that have been used, by identity.
    handles: Mutex<BTreeMap<Ulid, Arc<Handle>>>,
}

impl Database {
    /// Opens the database in `store`, or begins one when the store is empty. Nothing is written;
    /// collections are opened when they are first used.
    ///
    /// A damaged catalog leaves everything before the damage readable, and takes no changes of
    /// collections and aliases.
    ///
    /// # Errors
    /// Those of the store; `Corrupt` when no checkpoint of the catalog reaches its log.
    pub async fn open(
        store: Arc<dyn BlobStore>,
        host: Arc<dyn Host>,
        options: Options,
    ) -> Result<Arc<Self>, Error> {
        let shared = Arc::new(Shared::new(store, host, options));
        let CatalogRead {
            view,
            damage,
            replay,
            checkpointed,
        } = read_catalog(&shared).await?;
        shared.pins.keep(view.state.pins());
        let origin = Mutex::new(replay.origin());
        let database = Arc::new_cyclic(|database: &Weak<Self>| {
            let me = database.clone();
            let database = database.clone();
            let host = Arc::clone(&shared.host);
            let catalog = match damage {
                Some(reason) => Journal::open_read_only(host, view, reason),
                None if shared.options.read_only => Journal::open_reader(host, view),
                None => Journal::open(
                    host,
                    view,
                    replay.into_log(),
                    Box::new(move |_| {
                        if let Some(database) = database.upgrade() {
                            let pins = database.catalog.view().state.pins();
                            database.shared.pins.keep(pins);
                            Housekeeping::kick(&database);
                        }
                    }),
                ),
            };
            let housekeeping = Housekeeping::new(checkpointed);
            Self {
                me,
                shared,
                catalog,
                housekeeping,
                origin,
                handles: Mutex::default(),
            }
        });
        Housekeeping::kick(&database);
        Ok(database)
    }

    /// Finishes every write that was asked for, stops background work and makes the store durable.
    /// Later commands are refused; queries still answer.
    ///
    /// # Errors
    /// Those of the store, when acknowledged writes of a weaker promise could not be made durable.
    pub async fn close(&self) -> Result<(), Error> {
        self.shared.begin_closing();
        let handles: Vec<Arc<Handle>> = self.handles().values().cloned().collect();
        let closing = || {
            let message = "the database is being closed";
            Error::new(ErrorKind::Unavailable, Subject::Storage, message)
        };
        join_all(handles.iter().map(|handle| handle.close(closing()))).await;
        self.catalog.close(closing()).await;
        self.housekeeping.stop().await;
        self.shared.store.sync().await.map_err(Error::from)
    }

    /// Reads what other processes have written since, of the catalog and of every collection that
    /// is open; for a database that is open for reading only, others are at their newest state
    /// always. What was acknowledged before the call is seen by every query after it.
    ///
    /// # Errors
    /// Those of the store; `Corrupt`. What could not be read stays as it was.
    pub async fn catch_up(&self) -> Result<(), Error> {
        if !self.shared.options.read_only {
            return Ok(());
        }
        let open = self.open_collections();
        let collections = join_all(open.iter().map(|live| live.catch_up()));
        let (catalog, collections) = join(self.catch_up_catalog(), collections).await;
        catalog?;
        let catalog = &self.catalog.view().state;
        let mut handles = self.handles();
        handles.retain(|_, handle| catalog.has(handle.registered()));
        // Of one that was dropped meanwhile there is nothing left to read.
        let mut kept = open.iter().zip(collections);
        kept.try_for_each(|(live, caught_up)| match handles.contains_key(&live.id()) {
            true => caught_up,
            false => Ok(()),
        })
    }

    async fn catch_up_catalog(&self) -> Result<(), Error> {
        let view = self.catalog.view();
        let origin = || self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        let (store, from) = (Arc::clone(&self.shared.store), *origin());
        let mut replay = Replay::resume(store, catalog_prefix(), from, view.position);
        if let Ok((state, None)) = replay_onto(view.state.clone(), &mut replay).await {
            self.catalog.advance(state, *replay.position());
            return Ok(());
        }
        // The collector may have overtaken it, which looks like much else.
        let read = read_catalog(&self.shared).await?;
        match read.damage {
            Some(damage) => Err(damage),
            None => {
                *origin() = read.replay.origin();
                self.catalog.advance(read.view.state, read.view.position);
                Ok(())
            }
        }
    }

    /// Reads the newest checkpoint of every open collection of a reader: parts that its state
    /// names may be gone.
    ///
    /// # Errors
    /// As [`Database::catch_up`].
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let open = self.open_collections();
        let reloaded = try_join_all(open.iter().map(|live| live.reload()));
        reloaded.await.map(|_| ())
    }

    fn open_collections(&self) -> Vec<Arc<Live>> {
        let handles = self.handles();
        let open = handles.values();
        open.filter_map(|handle| handle.live_if_open().cloned())
            .collect()
    }

    /// What the database is doing, for metrics.
    pub fn stats(&self) -> DatabaseStats {
        let open = self.open_collections();
        let mut open: Vec<_> = open.iter().map(|live| live.stats()).collect();
        open.sort_by(|a, b| a.name.cmp(&b.name));
        let collections = self.catalog.view().state.collections().count() as u64;
        DatabaseStats { collections, open }
    }

    /// Holds the newest view of a collection: nothing that is written later is in it, and its
    /// part files stay stored while it is held.
    ///
    /// # Errors
    /// `NotFound`; those of opening the collection.
    pub async fn pin(&self, name: &CollectionRef) -> Result<Pinned, Error> {
        Ok(Pinned(self.live(name).await?.content()))
    }

    /// The open collection that `name` means.
    ///
    /// # Errors
    /// `NotFound`; those of opening it.
    pub(crate) async fn live(&self, name: &CollectionRef) -> Result<Arc<Live>, Error> {
        let registered = self.catalog.view().state.resolve(name)?.clone();
        let handle = self.handle(registered.clone());
        // Dropped since it was resolved? Then nobody may come to remove this handle.
        if !self.catalog.view().state.has(&registered) {
            self.take_handle(registered.id);
            return Err(Error::no_collection(name.name.as_str()));
        }
        let live = handle.live().await?;
        // It may have been opened under another name.
        live.be_called(&registered.name.name);
        Ok(live)
    }

    fn handle(&self, registered: Registered) -> Arc<Handle> {
        let mut handles = self.handles();
        let new = || Handle::new(registered.clone(), Arc::clone(&self.shared));
        Arc::clone(handles.entry(registered.id).or_insert_with(new))
    }

    /// Takes out the handle of a dropped collection.
    pub(crate) fn take_handle(&self, id: Ulid) -> Option<Arc<Handle>> {
        self.handles().remove(&id)
    }

    fn handles(&self) -> MutexGuard<'_, BTreeMap<Ulid, Arc<Handle>>> {
        // Nothing under this lock can panic half-way.
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn create(&self, name: CollectionRef, schema: Schema) -> Result<Outcome, Error> {
        // Refused before it is logged: a log must be applicable.
        engine::Collection::create(schema.clone())?;
        let id = self.shared.new_id();
        self.change(CatalogChange::Create {
            collection: name,
            id,
            schema,
        })
        .await
    }

    async fn drop_collection(&self, name: CollectionRef) -> Result<Outcome, Error> {
        self.known(&name.database)?;
        if self.catalog.view().state.get(&name).is_none() {
            return Ok(Outcome::Existed(false));
        }
        self.change(CatalogChange::Drop { collection: name }).await
    }

    async fn rename(
        &self,
        collection: CollectionRef,
        to: CollectionName,
    ) -> Result<Outcome, Error> {
        self.known(&collection.database)?;
        let id = self.catalog.view().state.get(&collection).map(|was| was.id);
        let name = to.clone();
        let outcome = self
            .change(CatalogChange::Rename { collection, to })
            .await?;
        if let Some(live) = id.and_then(|id| self.open_collection(id)) {
            live.be_called(&name);
        }
        Ok(outcome)
    }

    /// The collection of this identity, if it is open.
    pub(crate) fn open_collection(&self, id: Ulid) -> Option<Arc<Live>> {
        self.handles().get(&id)?.live_if_open().cloned()
    }

    pub(crate) async fn change(&self, change: CatalogChange) -> Result<Outcome, Error> {
        let items = vec![codec::to_bytes(&change)?];
        self.catalog.commit(change, items).await
    }

    async fn change_aliases(
        &self,
        database: DatabaseName,
        changes: Vec<AliasChange>,
    ) -> Result<Outcome, Error> {
        self.change(CatalogChange::Aliases { database, changes })
            .await
    }

    async fn write(
        &self,
        name: CollectionRef,
        operations: Vec<WriteOp>,
        visibility: Visibility,
    ) -> Result<Outcome, Error> {
        let live = self.live(&name).await?;
        let writing = live.write(operations);
        match visibility {
            // A commit is published as soon as it is durable, so one answer serves both.
            Visibility::Durable | Visibility::Applied => writing.await,
            Visibility::AppliedWithin { ms } => {
                // The commit is the journal's, and goes on when nobody waits for it.
                match select(pin!(writing), self.shared.host.sleep(ms)).await {
                    Either::Left((written, _)) => written,
                    Either::Right(((), _)) => Ok(Outcome::Pending),
                }
            }
        }
    }

    /// # Errors
    /// `NotFound` when there is no such database.
    pub(crate) fn known(&self, database: &DatabaseName) -> Result<(), Error> {
        self.catalog.view().state.known(database)
    }

    async fn drop_database(&self, database: DatabaseName) -> Result<Outcome, Error> {
        if self.known(&database).is_err() {
            return Ok(Outcome::Existed(false));
        }
        self.change(CatalogChange::DropDatabase { database }).await
    }

    pub(crate) fn names(&self, database: &DatabaseName) -> Result<Vec<CollectionName>, Error> {
        self.known(database)?;
        let catalog = &self.catalog.view().state;
        let here = |known: &&Registered| known.name.database == *database;
        Ok(catalog
            .collections()
            .filter(here)
            .map(|known| known.name.name.clone())
            .collect())
    }
}

/// A view of one collection that is held.
pub struct Pinned(Arc<View<Content>>);

impl Pinned {
    /// The collection as it was.
    pub fn collection(&self) -> &engine::Collection {
        &self.0.state.collection
    }

    /// Names of the part files that it is made of.
    pub fn files(&self) -> Vec<String> {
        self.0.state.parts.keys().map(ToString::to_string).collect()
    }
}

impl Executor for Database {
    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Outcome, Error>> {
        match command {
            Command::CreateDatabase { database } => {
                Box::pin(self.change(CatalogChange::CreateDatabase { database }))
            }
            Command::DropDatabase { database } => Box::pin(self.drop_database(database)),
            Command::CreateCollection { collection, schema } => {
                Box::pin(self.create(collection, schema))
            }
            Command::DropCollection { collection } => Box::pin(self.drop_collection(collection)),
            Command::RenameCollection { collection, to } => Box::pin(self.rename(collection, to)),
            Command::ChangeAliases { database, changes } => {
                Box::pin(self.change_aliases(database, changes))
            }
            Command::SetAttributes {
                database,
                attributes,
            } => Box::pin(self.change(CatalogChange::Attributes {
                database,
                attributes,
            })),
            Command::Write {
                collection,
                operations,
                visibility,
            } => Box::pin(self.write(collection, operations, visibility)),
            Command::Attach {
                collection,
                key,
                content,
            } => Box::pin(self.attach(collection, key, content)),
            Command::Detach { collection, key } => Box::pin(self.detach(collection, key)),
            Command::CreateSnapshot { scope, waiting } => {
                Box::pin(self.create_snapshot(scope, waiting))
            }
            Command::DeleteSnapshot { scope, name } => Box::pin(self.delete_snapshot(scope, name)),
            Command::RecoverSnapshot { recovery, location } => {
                Box::pin(self.recover_from(recovery, location))
            }
        }
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(query::answer(self, query))
    }

    fn archive(&self, of: ArchiveOf) -> BoxFuture<'_, Result<Archive, Error>> {
        Box::pin(self.open_archive(of))
    }

    fn recover(
        &self,
        recovery: SnapshotRecovery,
        archive: Box<dyn ByteSource>,
    ) -> BoxFuture<'_, Result<Outcome, Error>> {
        Box::pin(self.recover_archive(recovery, archive))
    }
}

/// The catalog as the store has it.
struct CatalogRead {
    view: View<Catalog>,
    damage: Option<Error>,
    replay: Replay,
    /// Last entry of the log before the checkpoint.
    checkpointed: u64,
}

async fn read_catalog(shared: &Shared) -> Result<CatalogRead, Error> {
    let recovery = Log::recover(Arc::clone(&shared.store), catalog_prefix()).await?;
    let Recovery {
        checkpoint,
        mut replay,
        ..
    } = recovery;
    let state = match &checkpoint {
        Some(checkpoint) => Catalog::decode(&checkpoint.payload)?,
        None => Catalog::default(),
    };
    let (state, damage) = replay_onto(state, &mut replay).await?;
    Ok(CatalogRead {
        view: View {
            state,
            position: *replay.position(),
        },
        damage,
        replay,
        checkpointed: checkpoint.map_or(0, |checkpoint| checkpoint.position.n),
    })
}

/// Applies the catalog's log. Gives the last good state and, if the log is damaged, how.
pub(crate) async fn replay_onto(
    mut catalog: Catalog,
    replay: &mut Replay,
) -> Result<(Catalog, Option<Error>), Error> {
    loop {
        let entry = match replay.next().await {
            Ok(None) => return Ok((catalog, None)),
            Ok(Some(entry)) => entry,
            Err(damage @ LogError::Damaged(_)) => return Ok((catalog, Some(damage.into()))),
            Err(error) => return Err(error.into()),
        };
        if entry.kind != EntryKind::Operations {
            continue;
        }
        for item in &entry.items {
            let change = codec::from_bytes::<CatalogChange>(item).map_err(Error::from);
            match change.and_then(|change| catalog.apply(&change)) {
                Ok((next, _)) => catalog = next,
                Err(error) => {
                    let message = format!("catalog entry {} cannot be applied: {error}", entry.n);
                    return Ok((catalog, Some(Error::corrupt(message))));
                }
            }
        }
    }
}
