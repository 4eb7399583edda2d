//! What the catalog's log and checkpoints carry: which collections and aliases exist.

use model::{AliasChange, CollectionName, CollectionRef, DatabaseName, Error, Object, Schema};

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
        self.attributes.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            collections: Codec::decode(input)?,
            aliases: Codec::decode(input)?,
            attributes: Codec::decode(input)?,
        })
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
