//! What the catalog's log and checkpoints carry: which collections and aliases exist.

use model::{
    AliasChange, CollectionName, CollectionRef, DatabaseName, Error, Object, Schema, SnapshotScope,
};

use super::{Codec, DecodeError, Reader, Writer};
use crate::ulid::Ulid;

/// One change of the catalog, an item of its log.
#[derive(Clone, Debug, PartialEq)]
pub enum CatalogChange {
    /// A collection came into being.
    Create {
        /// Its name.
        collection: CollectionRef,
        /// Its identity: names can be used again, and its objects live under this.
        id: Ulid,
        /// Its schema at the beginning, the state before entry 1 of its own log.
        schema: Schema,
    },
    /// A collection, and the aliases that point to it, went away.
    Drop {
        /// Its name.
        collection: CollectionRef,
    },
    /// Aliases changed, in this order.
    Aliases {
        /// In which database.
        database: DatabaseName,
        /// The changes.
        changes: Vec<AliasChange>,
    },
    /// What dialects keep was replaced.
    Attributes {
        /// In which database.
        database: DatabaseName,
        /// All of it.
        attributes: Object,
    },
    /// Objects will be written under these identities, which nothing names yet: if nothing ever
    /// does, they are garbage.
    Reserve {
        /// The identities.
        ids: Vec<Ulid>,
    },
    /// A snapshot was kept.
    Keep(SnapshotEntry),
    /// A snapshot was let go.
    LetGo {
        /// Its identity.
        id: Ulid,
    },
    /// A database came into being.
    CreateDatabase {
        /// Its name.
        database: DatabaseName,
    },
    /// A database, and all that is in it, went away.
    DropDatabase {
        /// Its name.
        database: DatabaseName,
    },
    /// A collection got another name.
    Rename {
        /// Its name before.
        collection: CollectionRef,
        /// Its name since, in the same database.
        to: CollectionName,
    },
    /// Collections took the place of those of their names.
    Restore {
        /// In which database.
        database: DatabaseName,
        /// Names, identities and schemas, as in [`CatalogState`].
        collections: Vec<(CollectionRef, (Ulid, Schema))>,
        /// If present, all collections of the database that are not in the list went away, and
        /// these are its aliases.
        aliases: Option<Vec<(CollectionRef, CollectionName)>>,
    },
}

/// What the catalog knows of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotEntry {
    /// Its identity; it was made at the time in it.
    pub id: Ulid,
    /// What it is of, by its own name and not an alias.
    pub scope: SnapshotScope,
    /// Unique among those of its scope.
    pub name: String,
    /// Length of its archive.
    pub bytes: u64,
    /// SHA-256 of its archive.
    pub sha256: [u8; 32],
    /// Parts that must stay stored for it, by the collection that they belong to.
    pub pins: Vec<(Ulid, Vec<Ulid>)>,
}

/// The whole catalog, the payload of its checkpoints.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct CatalogState {
    /// Names, identities and schemas at the beginning of all collections, ascending by name.
    pub collections: Vec<(CollectionRef, (Ulid, Schema))>,
    /// Aliases and the collections of the same database that they point to, ascending.
    pub aliases: Vec<(CollectionRef, CollectionName)>,
    /// What dialects keep, by database, ascending.
    pub attributes: Vec<(DatabaseName, Object)>,
    /// Snapshots, oldest first.
    pub snapshots: Vec<SnapshotEntry>,
    /// Databases but the one that always exists, in the order in which they were created.
    pub databases: Vec<DatabaseName>,
}

impl Codec for CatalogChange {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Create {
                collection,
                id,
                schema,
            } => {
                out.u8(0);
                collection.encode(out)?;
                id.encode(out)?;
                schema.encode(out)
            }
            Self::Drop { collection } => {
                out.u8(1);
                collection.encode(out)
            }
            Self::Aliases { database, changes } => {
                out.u8(2);
                database.encode(out)?;
                changes.encode(out)
            }
            Self::Attributes {
                database,
                attributes,
            } => {
                out.u8(3);
                database.encode(out)?;
                attributes.encode(out)
            }
            Self::Reserve { ids } => {
                out.u8(4);
                ids.encode(out)
            }
            Self::Keep(entry) => {
                out.u8(5);
                entry.encode(out)
            }
            Self::LetGo { id } => {
                out.u8(6);
                id.encode(out)
            }
            Self::Restore {
                database,
                collections,
                aliases,
            } => {
                out.u8(7);
                database.encode(out)?;
                collections.encode(out)?;
                aliases.encode(out)
            }
            Self::CreateDatabase { database } => {
                out.u8(8);
                database.encode(out)
            }
            Self::DropDatabase { database } => {
                out.u8(9);
                database.encode(out)
            }
            Self::Rename { collection, to } => {
                out.u8(10);
                collection.encode(out)?;
                to.encode(out)
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            0 => Self::Create {
                collection: Codec::decode(input)?,
                id: Codec::decode(input)?,
                schema: Codec::decode(input)?,
            },
            1 => Self::Drop {
                collection: Codec::decode(input)?,
            },
            2 => Self::Aliases {
                database: Codec::decode(input)?,
                changes: Codec::decode(input)?,
            },
            3 => Self::Attributes {
                database: Codec::decode(input)?,
                attributes: Codec::decode(input)?,
            },
            4 => Self::Reserve {
                ids: Codec::decode(input)?,
            },
            5 => Self::Keep(Codec::decode(input)?),
            6 => Self::LetGo {
                id: Codec::decode(input)?,
            },
            7 => Self::Restore {
                database: Codec::decode(input)?,
                collections: Codec::decode(input)?,
                aliases: Codec::decode(input)?,
            },
            8 => Self::CreateDatabase {
                database: Codec::decode(input)?,
            },
            9 => Self::DropDatabase {
                database: Codec::decode(input)?,
            },
            10 => Self::Rename {
                collection: Codec::decode(input)?,
                to: Codec::decode(input)?,
            },
            _ => return Err(input.malformed("a kind of catalog change")),
        })
    }
}

impl Codec for AliasChange {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Create { alias, collection } => {
                out.u8(0);
                alias.encode(out)?;
                collection.encode(out)
            }
            Self::Delete { alias } => {
                out.u8(1);
                alias.encode(out)
            }
            Self::Rename { from, to } => {
                out.u8(2);
                from.encode(out)?;
                to.encode(out)
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            0 => Self::Create {
                alias: Codec::decode(input)?,
                collection: Codec::decode(input)?,
            },
            1 => Self::Delete {
                alias: Codec::decode(input)?,
            },
            2 => Self::Rename {
                from: Codec::decode(input)?,
                to: Codec::decode(input)?,
            },
            _ => return Err(input.malformed("a kind of alias change")),
        })
    }
}

impl Codec for CatalogState {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.collections.encode(out)?;
        self.aliases.encode(out)?;
        self.attributes.encode(out)?;
        self.snapshots.encode(out)?;
        self.databases.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            collections: Codec::decode(input)?,
            aliases: Codec::decode(input)?,
            attributes: Codec::decode(input)?,
            snapshots: Codec::decode(input)?,
            databases: Codec::decode(input)?,
        })
    }
}

impl Codec for SnapshotEntry {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.id.encode(out)?;
        self.scope.encode(out)?;
        out.text(&self.name);
        out.varint(self.bytes);
        out.raw(&self.sha256);
        self.pins.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: Codec::decode(input)?,
            scope: Codec::decode(input)?,
            name: input.text()?.into(),
            bytes: input.varint()?,
            sha256: input.array()?,
            pins: Codec::decode(input)?,
        })
    }
}

impl Codec for SnapshotScope {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Collection(collection) => {
                out.u8(0);
                collection.encode(out)
            }
            Self::Shard { collection, shard } => {
                out.u8(1);
                collection.encode(out)?;
                out.u32(*shard);
                Ok(())
            }
            Self::Database(database) => {
                out.u8(2);
                database.encode(out)
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Codec::decode(input).map(Self::Collection),
            1 => Ok(Self::Shard {
                collection: Codec::decode(input)?,
                shard: input.u32()?,
            }),
            2 => Codec::decode(input).map(Self::Database),
            _ => Err(input.malformed("a scope of a snapshot")),
        }
    }
}

impl Codec for Ulid {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.raw(&self.to_bytes());
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(Self::from_bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{from_bytes, to_bytes};
    use super::*;

    fn snapshots() -> Vec<SnapshotEntry> {
        let collection = CollectionRef::in_default("books").unwrap();
        let ulid = |n: u8| Ulid::from_bytes([n; 16]);
        let shard = SnapshotScope::Shard {
            collection: collection.clone(),
            shard: 7,
        };
        let database = SnapshotScope::Database(DatabaseName::default());
        let scopes = [SnapshotScope::Collection(collection), shard, database];
        let entry = |(at, scope)| SnapshotEntry {
            id: ulid(at),
            scope,
            name: format!("books {at}.snapshot"),
            bytes: u64::MAX >> at,
            sha256: [at; 32],
            pins: vec![(ulid(at + 1), vec![ulid(9); at.into()]), (ulid(3), vec![])],
        };
        (0_u8..).zip(scopes).map(entry).collect()
    }

    #[test]
    fn snapshots_and_restored_collections_come_back() {
        let books = CollectionRef::in_default("books").unwrap();
        let id = Ulid::from_bytes([5; 16]);
        let restore = |aliases| CatalogChange::Restore {
            database: DatabaseName::default(),
            collections: vec![(books.clone(), (id, Schema::default()))],
            aliases,
        };
        let mut changes = vec![
            CatalogChange::Reserve { ids: vec![id, id] },
            CatalogChange::LetGo { id },
            CatalogChange::CreateDatabase {
                database: DatabaseName::default(),
            },
            CatalogChange::DropDatabase {
                database: DatabaseName::default(),
            },
            CatalogChange::Rename {
                collection: books.clone(),
                to: books.name.clone(),
            },
            restore(None),
            restore(Some(vec![(books.clone(), books.name.clone())])),
        ];
        changes.extend(snapshots().into_iter().map(CatalogChange::Keep));
        for change in changes {
            let bytes = to_bytes(&change).unwrap();
            assert_eq!(from_bytes::<CatalogChange>(&bytes), Ok(change));
            for cut in 0..bytes.len() {
                assert!(from_bytes::<CatalogChange>(&bytes[..cut]).is_err());
            }
        }
        let state = CatalogState {
            snapshots: snapshots(),
            databases: vec![DatabaseName::default()],
            ..CatalogState::default()
        };
        let bytes = to_bytes(&state).unwrap();
        assert_eq!(from_bytes::<CatalogState>(&bytes), Ok(state));
    }
}
