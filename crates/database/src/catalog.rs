//! Which collections and aliases exist: a pure value, changed only through its journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use model::{
    AliasChange, CollectionName, CollectionRef, DatabaseName, Error, ErrorKind, Object, Outcome,
    Schema, SnapshotScope, Subject,
};
use storage::Ulid;
use storage::codec::{self, CatalogChange, CatalogState, SnapshotEntry};

use crate::journal::State;

/// What the catalog knows of a collection.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    /// Its own name, not an alias.
    pub(crate) name: CollectionRef,
    /// Names can be used again, identities cannot; objects live under this.
    pub(crate) id: Ulid,
    /// Its schema before the first entry of its own log.
    pub(crate) schema: Arc<Schema>,
}

/// The catalog at one moment. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    /// Those beside the one that always exists, in the order in which they were created.
    databases: Arc<Vec<DatabaseName>>,
    collections: Arc<BTreeMap<CollectionRef, Registered>>,
    aliases: Arc<BTreeMap<CollectionRef, CollectionName>>,
    /// What dialects keep, by database.
    attributes: Arc<BTreeMap<DatabaseName, Arc<Object>>>,
    /// Kept snapshots by identity, and so oldest first.
    snapshots: Arc<BTreeMap<Ulid, Arc<SnapshotEntry>>>,
    /// Identities of which nothing is needed any more, or nothing yet, and objects may be left:
    /// dropped collections, snapshots that were let go, and whatever is being written. Not part of
    /// checkpoints, which are written only when it is empty: until then, replaying the log finds
    /// them again.
    dropped: Arc<Vec<Ulid>>,
}

impl Catalog {
    /// The catalog that a checkpoint holds.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, Error> {
        let state: CatalogState = codec::from_bytes(payload)?;
        let collections = state.collections.into_iter().map(|(name, (id, schema))| {
            (
                name.clone(),
                Registered {
                    name,
                    id,
                    schema: Arc::new(schema),
                },
            )
        });
        Ok(Self {
            databases: Arc::new(state.databases),
            collections: Arc::new(collections.collect()),
            aliases: Arc::new(state.aliases.into_iter().collect()),
            attributes: Arc::new(
                state
                    .attributes
                    .into_iter()
                    .map(|(name, kept)| (name, Arc::new(kept)))
                    .collect(),
            ),
            snapshots: Arc::new(by_identity(state.snapshots)),
            dropped: Arc::default(),
        })
    }

    /// The payload of a checkpoint; `None` while objects of dropped collections may be left.
    pub(crate) fn encode(&self) -> Option<Vec<Bytes>> {
        if !self.dropped.is_empty() {
            return None;
        }
        let collection =
            |known: &Registered| (known.name.clone(), (known.id, Schema::clone(&known.schema)));
        let state = CatalogState {
            collections: self.collections.values().map(collection).collect(),
            aliases: self
                .aliases
                .iter()
                .map(|(from, to)| (from.clone(), to.clone()))
                .collect(),
            attributes: self
                .attributes
                .iter()
                .map(|(name, kept)| (name.clone(), Object::clone(kept)))
                .collect(),
            snapshots: self
                .snapshots
                .values()
                .map(|entry| SnapshotEntry::clone(entry))
                .collect(),
            databases: Vec::clone(&self.databases),
        };
        // What is in the catalog was encoded once before, into its log.
        codec::to_bytes(&state).ok().map(|bytes| vec![bytes])
    }

    /// The collection that `name` means, through an alias or not.
    ///
    /// # Errors
    /// `NotFound` about the database or the collection.
    pub(crate) fn resolve(&self, name: &CollectionRef) -> Result<&Registered, Error> {
        self.known(&name.database)?;
        let target = self.aliases.get(name).map(|target| beside(name, target));
        self.collections
            .get(target.as_ref().unwrap_or(name))
            .ok_or_else(|| Error::no_collection(name.name.as_str()))
    }

    /// The collection of exactly this name.
    pub(crate) fn get(&self, name: &CollectionRef) -> Option<&Registered> {
        self.collections.get(name)
    }

    /// Whether this collection is there, under this name or another.
    pub(crate) fn has(&self, known: &Registered) -> bool {
        let there = |found: &Registered| found.id == known.id;
        self.get(&known.name).is_some_and(there) || self.has_collection(known.id)
    }

    /// All databases, in the order in which they were created.
    pub(crate) fn databases(&self) -> Vec<DatabaseName> {
        let first = std::iter::once(DatabaseName::default());
        first.chain(self.databases.iter().cloned()).collect()
    }

    /// # Errors
    /// `NotFound` when there is no such database.
    pub(crate) fn known(&self, name: &DatabaseName) -> Result<(), Error> {
        if name.as_str() == DatabaseName::DEFAULT || self.databases.contains(name) {
            return Ok(());
        }
        Err(Error::no_database(name.as_str()))
    }

    /// All collections, ascending by name.
    pub(crate) fn collections(&self) -> impl Iterator<Item = &Registered> {
        self.collections.values()
    }

    /// All aliases and where they point, ascending.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = (&CollectionRef, &CollectionName)> {
        self.aliases.iter()
    }

    /// What dialects keep in a database.
    ///
    /// # Errors
    /// `NotFound` about the database.
    pub(crate) fn attributes(&self, database: &DatabaseName) -> Result<Arc<Object>, Error> {
        self.known(database)?;
        Ok(self.attributes.get(database).cloned().unwrap_or_default())
    }

    /// Kept snapshots, oldest first.
    pub(crate) fn snapshots(&self) -> impl Iterator<Item = &Arc<SnapshotEntry>> {
        self.snapshots.values()
    }

    /// The snapshot of this identity, if it is kept.
    pub(crate) fn snapshot(&self, id: Ulid) -> Option<&Arc<SnapshotEntry>> {
        self.snapshots.get(&id)
    }

    /// Whether a collection has this identity.
    pub(crate) fn has_collection(&self, id: Ulid) -> bool {
        self.collections.values().any(|known| known.id == id)
    }

    /// Every part that kept snapshots need, with the collection that it belongs to.
    pub(crate) fn pins(&self) -> BTreeSet<(Ulid, Ulid)> {
        let pins = self.snapshots.values().flat_map(|entry| &entry.pins);
        pins.flat_map(|(owner, parts)| parts.iter().map(move |part| (*owner, *part)))
            .collect()
    }

    /// Identities of which objects may be left.
    pub(crate) fn dropped(&self) -> &[Ulid] {
        &self.dropped
    }

    /// The same catalog, knowing that no object of `id` is left but those that are pinned.
    pub(crate) fn purged(&self, id: Ulid) -> Self {
        let mut next = self.clone();
        Arc::make_mut(&mut next.dropped).retain(|dropped| *dropped != id);
        next
    }

    fn create_database(&mut self, name: &DatabaseName) -> Result<(), Error> {
        if self.known(name).is_ok() {
            let subject = Subject::Database(name.as_str().into());
            let message = format!("a database `{name}` exists already");
            return Err(Error::new(ErrorKind::AlreadyExists, subject, message));
        }
        Arc::make_mut(&mut self.databases).push(name.clone());
        Ok(())
    }

    /// Whether there was one.
    fn drop_database(&mut self, name: &DatabaseName) -> Result<bool, Error> {
        if name.as_str() == DatabaseName::DEFAULT {
            let subject = Subject::Database(name.as_str().into());
            let message = format!("the database `{name}` cannot be dropped");
            return Err(Error::new(ErrorKind::Invalid, subject, message));
        }
        if self.known(name).is_err() {
            return Ok(false);
        }
        let here = |scope: &SnapshotScope| match scope {
            // They are what brings it back.
            SnapshotScope::Database(_) => false,
            SnapshotScope::Collection(collection) | SnapshotScope::Shard { collection, .. } => {
                collection.database == *name
            }
        };
        let snapshots = self.snapshots.iter().filter(|(_, kept)| here(&kept.scope));
        let snapshots: Vec<Ulid> = snapshots.map(|(id, _)| *id).collect();
        let collections = self.collections.keys().filter(|c| c.database == *name);
        for collection in collections.cloned().collect::<Vec<_>>() {
            self.drop(&collection)?;
        }
        for id in snapshots {
            self.let_go(id);
        }
        Arc::make_mut(&mut self.attributes).remove(name);
        Arc::make_mut(&mut self.databases).retain(|other| other != name);
        Ok(true)
    }

    fn create(&mut self, name: &CollectionRef, id: Ulid, schema: &Schema) -> Result<(), Error> {
        self.known(&name.database)?;
        if self.collections.contains_key(name) || self.aliases.contains_key(name) {
            return Err(taken(name));
        }
        let known = Registered {
            name: name.clone(),
            id,
            schema: Arc::new(schema.clone()),
        };
        Arc::make_mut(&mut self.collections).insert(name.clone(), known);
        Ok(())
    }

    fn drop(&mut self, name: &CollectionRef) -> Result<bool, Error> {
        self.known(&name.database)?;
        if !self.collections.contains_key(name) {
            return Ok(false);
        }
        let removed = Arc::make_mut(&mut self.collections).remove(name);
        Arc::make_mut(&mut self.dropped).extend(removed.map(|known| known.id));
        let points_here = |alias: &CollectionRef, target: &CollectionName| {
            alias.database == name.database && *target == name.name
        };
        Arc::make_mut(&mut self.aliases).retain(|alias, target| !points_here(alias, target));
        Ok(true)
    }

    fn rename(&mut self, from: &CollectionRef, to: &CollectionName) -> Result<(), Error> {
        self.known(&from.database)?;
        let new = beside(from, to);
        if !self.collections.contains_key(from) {
            return Err(Error::no_collection(from.name.as_str()));
        }
        if self.collections.contains_key(&new) || self.aliases.contains_key(&new) {
            return Err(taken(&new));
        }
        let collections = Arc::make_mut(&mut self.collections);
        if let Some(mut known) = collections.remove(from) {
            known.name = new.clone();
            collections.insert(new, known);
        }
        for (alias, target) in Arc::make_mut(&mut self.aliases) {
            if alias.database == from.database && *target == from.name {
                *target = to.clone();
            }
        }
        Ok(())
    }

    fn keep(&mut self, entry: &SnapshotEntry) -> Result<(), Error> {
        let same =
            |other: &&Arc<SnapshotEntry>| other.scope == entry.scope && other.name == entry.name;
        if self.snapshots.values().any(|other| same(&other)) {
            let message = format!("a snapshot `{}` exists already", entry.name);
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                Subject::Request,
                message,
            ));
        }
        self.claim(entry.id);
        Arc::make_mut(&mut self.snapshots).insert(entry.id, Arc::new(entry.clone()));
        Ok(())
    }

    fn let_go(&mut self, id: Ulid) -> bool {
        let Some(entry) = Arc::make_mut(&mut self.snapshots).remove(&id) else {
            return false;
        };
        // What it pinned of collections that are gone is needed by nobody now, unless another
        // snapshot pins it too.
        let owners = entry.pins.iter().map(|(owner, _)| *owner);
        let gone: Vec<Ulid> = owners
            .filter(|owner| !self.has_collection(*owner))
            .collect();
        let dropped = Arc::make_mut(&mut self.dropped);
        dropped.push(id);
        dropped.extend(gone);
        true
    }

    /// Something has this identity from now on.
    fn claim(&mut self, id: Ulid) {
        Arc::make_mut(&mut self.dropped).retain(|other| *other != id);
    }

    fn restore(
        &mut self,
        database: &DatabaseName,
        collections: &[(CollectionRef, (Ulid, Schema))],
        aliases: Option<&[(CollectionRef, CollectionName)]>,
    ) -> Result<(), Error> {
        self.known(database)?;
        if let Some(aliases) = aliases {
            let others = self
                .collections
                .keys()
                .filter(|name| name.database == *database);
            for name in others.cloned().collect::<Vec<_>>() {
                self.drop(&name)?;
            }
            let kept = Arc::make_mut(&mut self.aliases);
            kept.retain(|alias, _| alias.database != *database);
            kept.extend(aliases.iter().cloned());
        }
        for (name, (id, schema)) in collections {
            if self.aliases.contains_key(name) {
                return Err(taken(name));
            }
            self.claim(*id);
            let known = Registered {
                name: name.clone(),
                id: *id,
                schema: Arc::new(schema.clone()),
            };
            // Unlike a drop, this leaves the aliases alone.
            let replaced = Arc::make_mut(&mut self.collections).insert(name.clone(), known);
            Arc::make_mut(&mut self.dropped).extend(replaced.map(|known| known.id));
        }
        Ok(())
    }

    fn change_alias(&mut self, database: &DatabaseName, change: &AliasChange) -> Result<(), Error> {
        let within = |name: &CollectionName| CollectionRef {
            database: database.clone(),
            name: name.clone(),
        };
        let aliases = Arc::make_mut(&mut self.aliases);
        match change {
            AliasChange::Create { alias, collection } => {
                if !self.collections.contains_key(&within(collection)) {
                    return Err(Error::no_collection(collection.as_str()));
                }
                let alias = within(alias);
                if self.collections.contains_key(&alias) {
                    return Err(taken(&alias));
                }
                aliases.insert(alias, collection.clone());
            }
            AliasChange::Delete { alias } => {
                aliases.remove(&within(alias));
            }
            AliasChange::Rename { from, to } => {
                let target = aliases
                    .remove(&within(from))
                    .ok_or_else(|| no_alias(from))?;
                let to = within(to);
                if self.collections.contains_key(&to) {
                    return Err(taken(&to));
                }
                aliases.insert(to, target);
            }
        }
        Ok(())
    }
}

impl State for Catalog {
    type Change = CatalogChange;
    type Answer = Outcome;

    fn apply(&self, change: &CatalogChange) -> Result<(Self, Outcome), Error> {
        let mut next = self.clone();
        let outcome = match change {
            CatalogChange::Create {
                collection,
                id,
                schema,
            } => {
                next.create(collection, *id, schema)?;
                Outcome::Done
            }
            CatalogChange::Drop { collection } => Outcome::Existed(next.drop(collection)?),
            CatalogChange::Aliases { database, changes } => {
                self.known(database)?;
                changes
                    .iter()
                    .try_for_each(|change| next.change_alias(database, change))?;
                Outcome::Done
            }
            CatalogChange::Attributes {
                database,
                attributes,
            } => {
                self.known(database)?;
                let kept = Arc::new(attributes.clone());
                Arc::make_mut(&mut next.attributes).insert(database.clone(), kept);
                Outcome::Done
            }
            CatalogChange::Reserve { ids } => {
                Arc::make_mut(&mut next.dropped).extend(ids);
                Outcome::Done
            }
            CatalogChange::Keep(entry) => {
                next.keep(entry)?;
                Outcome::Done
            }
            CatalogChange::LetGo { id } => Outcome::Existed(next.let_go(*id)),
            CatalogChange::CreateDatabase { database } => {
                next.create_database(database)?;
                Outcome::Done
            }
            CatalogChange::DropDatabase { database } => {
                Outcome::Existed(next.drop_database(database)?)
            }
            CatalogChange::Rename { collection, to } => {
                next.rename(collection, to)?;
                Outcome::Done
            }
            CatalogChange::Restore {
                database,
                collections,
                aliases,
            } => {
                next.restore(database, collections, aliases.as_deref())?;
                Outcome::Done
            }
        };
        Ok((next, outcome))
    }

    fn tidied(&self) -> Option<Self> {
        None
    }

    fn is_saturated(&self) -> bool {
        false
    }
}

fn by_identity(entries: Vec<SnapshotEntry>) -> BTreeMap<Ulid, Arc<SnapshotEntry>> {
    let entries = entries.into_iter().map(|entry| (entry.id, Arc::new(entry)));
    entries.collect()
}

fn beside(name: &CollectionRef, other: &CollectionName) -> CollectionRef {
    CollectionRef {
        database: name.database.clone(),
        name: other.clone(),
    }
}

fn taken(name: &CollectionRef) -> Error {
    let subject = Subject::Collection(name.name.as_str().into());
    let message = format!("a collection or alias `{}` exists already", name.name);
    Error::new(ErrorKind::AlreadyExists, subject, message)
}

fn no_alias(name: &CollectionName) -> Error {
    let subject = Subject::Alias(name.as_str().into());
    Error::new(
        ErrorKind::NotFound,
        subject,
        format!("alias `{name}` does not exist"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(text: &str) -> CollectionRef {
        CollectionRef::in_default(text).unwrap()
    }

    fn create(text: &str, id: u8) -> CatalogChange {
        let id = Ulid::from_bytes([id; 16]);
        CatalogChange::Create {
            collection: name(text),
            id,
            schema: Schema::default(),
        }
    }

    fn aliases(changes: Vec<AliasChange>) -> CatalogChange {
        CatalogChange::Aliases {
            database: DatabaseName::default(),
            changes,
        }
    }

    fn point(alias: &str, collection: &str) -> AliasChange {
        AliasChange::Create {
            alias: name(alias).name,
            collection: name(collection).name,
        }
    }

    fn rename(from: &str, to: &str) -> AliasChange {
        AliasChange::Rename {
            from: name(from).name,
            to: name(to).name,
        }
    }

    fn after(changes: &[CatalogChange]) -> Catalog {
        let apply = |catalog: Catalog, change| catalog.apply(change).unwrap().0;
        changes.iter().fold(Catalog::default(), apply)
    }

    fn refused(catalog: &Catalog, change: &CatalogChange) -> ErrorKind {
        catalog.apply(change).unwrap_err().kind
    }

    #[test]
    fn names_are_unique_among_collections_and_aliases() {
        let catalog = after(&[create("a", 1), aliases(vec![point("b", "a")])]);
        assert_eq!(refused(&catalog, &create("a", 2)), ErrorKind::AlreadyExists);
        assert_eq!(refused(&catalog, &create("b", 2)), ErrorKind::AlreadyExists);
        let clash = aliases(vec![point("a", "a")]);
        assert_eq!(refused(&catalog, &clash), ErrorKind::AlreadyExists);
        let clash = aliases(vec![rename("b", "a")]);
        assert_eq!(refused(&catalog, &clash), ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_renamed_collection_keeps_its_identity_and_aliases() {
        let catalog = after(&[
            create("a", 1),
            create("b", 2),
            aliases(vec![point("x", "a"), point("y", "b")]),
        ]);
        let rename = |from, to| CatalogChange::Rename {
            collection: name(from),
            to: name(to).name,
        };
        for taken in ["a", "b", "x"] {
            let kind = refused(&catalog, &rename("a", taken));
            assert_eq!(kind, ErrorKind::AlreadyExists, "{taken}");
        }
        assert_eq!(refused(&catalog, &rename("x", "c")), ErrorKind::NotFound);
        let id = catalog.resolve(&name("a")).unwrap().id;
        let (catalog, outcome) = catalog.apply(&rename("a", "c")).unwrap();
        assert_eq!(outcome, Outcome::Done);
        for reached in ["c", "x"] {
            let known = catalog.resolve(&name(reached)).unwrap();
            assert_eq!((&known.name, known.id), (&name("c"), id));
        }
        assert!(catalog.resolve(&name("a")).is_err());
        assert_eq!(catalog.resolve(&name("y")).unwrap().name, name("b"));
        let (catalog, _) = catalog.apply(&create("a", 3)).unwrap();
        assert_ne!(catalog.resolve(&name("a")).unwrap().id, id);
    }

    #[test]
    fn aliases_resolve_where_collections_are_used_but_not_where_they_are_dropped() {
        let catalog = after(&[create("a", 1), aliases(vec![point("b", "a")])]);
        assert_eq!(catalog.resolve(&name("b")).unwrap().name, name("a"));
        let (same, outcome) = catalog
            .apply(&CatalogChange::Drop {
                collection: name("b"),
            })
            .unwrap();
        assert_eq!(outcome, Outcome::Existed(false));
        let alias_of_alias = aliases(vec![point("c", "b")]);
        assert_eq!(refused(&same, &alias_of_alias), ErrorKind::NotFound);
        let (gone, outcome) = same
            .apply(&CatalogChange::Drop {
                collection: name("a"),
            })
            .unwrap();
        assert_eq!(outcome, Outcome::Existed(true));
        assert_eq!(
            gone.resolve(&name("b")).unwrap_err().kind,
            ErrorKind::NotFound
        );
        assert_eq!(gone.aliases().count(), 0);
    }

    #[test]
    fn alias_changes_are_applied_in_order_and_all_or_none() {
        let catalog = after(&[create("a", 1), create("b", 2)]);
        let delete = AliasChange::Delete {
            alias: name("x").name,
        };
        let swap = aliases(vec![
            point("x", "a"),
            delete.clone(),
            delete,
            point("x", "b"),
        ]);
        let (catalog, _) = catalog.apply(&swap).unwrap();
        assert_eq!(catalog.resolve(&name("x")).unwrap().name, name("b"));
        let half = aliases(vec![point("x", "a"), rename("missing", "z")]);
        let error = catalog.apply(&half).unwrap_err();
        assert_eq!(error.subject, Subject::Alias("missing".into()));
        assert_eq!(catalog.resolve(&name("x")).unwrap().name, name("b"));
        let (renamed, _) = catalog.apply(&aliases(vec![rename("x", "y")])).unwrap();
        assert!(renamed.resolve(&name("x")).is_err());
        assert_eq!(renamed.resolve(&name("y")).unwrap().name, name("b"));
    }

    #[test]
    fn a_checkpoint_waits_until_what_was_dropped_is_gone() {
        let drop_a = CatalogChange::Drop {
            collection: name("a"),
        };
        let alias = aliases(vec![point("x", "b")]);
        let catalog = after(&[create("a", 1), create("b", 2), alias, drop_a]);
        assert!(catalog.encode().is_none());
        let purged = catalog.purged(Ulid::from_bytes([1; 16]));
        let payload = purged.encode().unwrap();
        let again = Catalog::decode(&payload[0]).unwrap();
        assert_eq!(
            again.resolve(&name("x")).unwrap().id,
            Ulid::from_bytes([2; 16])
        );
        assert_eq!(again.collections().count(), 1);
    }

    #[test]
    fn attributes_are_kept_by_checkpoints() {
        let attributes: Object = [("a", model::Value::Int(1))].into_iter().collect();
        let change = CatalogChange::Attributes {
            database: DatabaseName::default(),
            attributes: attributes.clone(),
        };
        let catalog = after(&[change]);
        let again = Catalog::decode(&catalog.encode().unwrap()[0]).unwrap();
        let kept = again.attributes(&DatabaseName::default()).unwrap();
        assert_eq!(*kept, attributes);
    }

    #[test]
    fn a_dropped_database_takes_all_of_its_own_with_it() {
        let database = |name: &str| DatabaseName::new(name).unwrap();
        let made = |name| CatalogChange::CreateDatabase {
            database: database(name),
        };
        let gone = |name| CatalogChange::DropDatabase {
            database: database(name),
        };
        let within = |name: &str| CollectionRef {
            database: database(name),
            ..self::name("a")
        };
        let inside = |name| CatalogChange::Create {
            collection: within(name),
            id: Ulid::from_bytes([8; 16]),
            schema: Schema::default(),
        };
        let kept = |id, scope| {
            CatalogChange::Keep(SnapshotEntry {
                id: Ulid::from_bytes([id; 16]),
                scope,
                name: "s".into(),
                bytes: 1,
                sha256: [0; 32],
                pins: Vec::new(),
            })
        };
        let catalog = after(&[
            create("a", 1),
            made("x"),
            made("b"),
            inside("x"),
            kept(7, SnapshotScope::Collection(within("x"))),
            kept(6, SnapshotScope::Database(database("x"))),
        ]);
        assert_eq!(catalog.databases(), ["default_db", "x", "b"].map(database));
        assert_eq!(refused(&catalog, &made("x")), ErrorKind::AlreadyExists);
        assert_eq!(
            refused(&catalog, &made("default_db")),
            ErrorKind::AlreadyExists
        );
        assert_eq!(refused(&catalog, &gone("default_db")), ErrorKind::Invalid);
        let (catalog, outcome) = catalog.apply(&gone("x")).unwrap();
        assert_eq!(outcome, Outcome::Existed(true));
        assert_eq!(catalog.dropped().len(), 2);
        let left: Vec<Ulid> = catalog.snapshots().map(|kept| kept.id).collect();
        assert_eq!(left, [Ulid::from_bytes([6; 16])]);
        let (catalog, outcome) = catalog.apply(&gone("x")).unwrap();
        assert_eq!(outcome, Outcome::Existed(false));
        let error = catalog.resolve(&within("x")).unwrap_err();
        assert_eq!(error.subject, Subject::Database("x".into()));
        let (catalog, _) = catalog.apply(&made("x")).unwrap();
        assert!(catalog.resolve(&within("x")).is_err());
        let all = catalog.dropped().to_vec();
        let purged = all.iter().fold(catalog, |catalog, id| catalog.purged(*id));
        let again = Catalog::decode(&purged.encode().unwrap()[0]).unwrap();
        assert_eq!(again.databases(), ["default_db", "b", "x"].map(database));
        assert!(again.resolve(&name("a")).is_ok());
    }

    #[test]
    fn another_database_does_not_exist() {
        let elsewhere = CollectionRef {
            database: DatabaseName::new("x").unwrap(),
            ..name("a")
        };
        let change = CatalogChange::Drop {
            collection: elsewhere,
        };
        let error = Catalog::default().apply(&change).unwrap_err();
        assert_eq!(error.subject, Subject::Database("x".into()));
    }
}
