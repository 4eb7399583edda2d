//! What a snapshot is made of.

use bytes::Bytes;
use model::{CollectionName, CollectionRef, Error};

use crate::blob::Body;
use crate::chunks::{ChunkWriter, strip_crc};
use crate::codec::{self, Codec, CollectionState, DecodeError, Reader, Writer};
use crate::key::BlobKey;
use crate::log::Fields;
use crate::ulid::Ulid;

const MAGIC: &[u8; 4] = b"SKSN";
const VERSION: u32 = 1;
/// Most bytes of a manifest, checked when it is written and when it is read. It grows with the
/// number of objects and of deleted rows, not with the data.
pub(super) const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// What a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One collection.
    Collection,
    /// One shard of a collection, and so here all of it.
    Shard,
    /// Every collection, and their aliases.
    Database,
}

/// Names, sizes and checksums of everything in a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Its identity.
    pub id: Ulid,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// What it holds.
    pub scope: Scope,
    /// Its collections, ascending by name; exactly one unless the scope is the database.
    pub collections: Vec<CollectionEntry>,
    /// Aliases and the collections that they point to; none unless the scope is the database.
    pub aliases: Vec<(CollectionRef, CollectionName)>,
}

/// One collection of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectionEntry {
    /// Its name.
    pub name: CollectionRef,
    /// Its schema and sealed segments.
    pub state: CollectionState,
    /// The part files that the segments name, in the order in which an archive holds them.
    pub objects: Vec<ObjectEntry>,
}

/// One immutable object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEntry {
    /// Its key in the store that the snapshot was made in. The last segment is the ULID of the
    /// part, which no other object ever had.
    pub key: BlobKey,
    /// Its size in bytes.
    pub bytes: u64,
    /// CRC32C of all its bytes.
    pub crc: u32,
}

impl ObjectEntry {
    /// The part that it is.
    pub fn part(&self) -> Option<Ulid> {
        Ulid::parse(self.key.last_segment())
    }
}

impl Manifest {
    /// Objects of all collections in the order of an archive.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectEntry> {
        self.collections.iter().flat_map(|entry| &entry.objects)
    }

    /// The manifest as an object.
    ///
    /// # Errors
    /// `Invalid` when it is larger than the format can say.
    pub fn encode(&self) -> Result<Body, Error> {
        let payload = codec::to_bytes(self)?;
        let mut out = ChunkWriter::default();
        out.field(MAGIC);
        out.field(&VERSION.to_le_bytes());
        out.field(&(payload.len() as u64).to_le_bytes());
        out.payload(&payload);
        let (body, _) = out.finish_with_crc();
        if body.len() as u64 > MANIFEST_BYTES_MAX {
            let message = format!("a manifest must not exceed {MANIFEST_BYTES_MAX} bytes");
            return Err(Error::invalid(message));
        }
        Ok(body)
    }

    /// The manifest that [`Self::encode`] wrote.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged, of a newer version, or contradicts itself.
    pub fn decode(bytes: &Bytes) -> Result<Self, Error> {
        let damaged = |what: &str| Error::corrupt(format!("the manifest of a snapshot {what}"));
        let (content, _) = strip_crc(bytes).ok_or_else(|| damaged("fails its checksum"))?;
        let mut fields = Fields(content);
        if fields.array() != Some(*MAGIC) {
            return Err(damaged("is something else"));
        }
        if fields.u32() != Some(VERSION) {
            return Err(damaged("is of a version that this build does not read"));
        }
        let length = fields.u64();
        if length != Some(fields.0.len() as u64) {
            return Err(damaged("has another length than it says"));
        }
        let manifest: Self = codec::from_bytes(fields.0)?;
        match manifest.contradiction() {
            Some(what) => Err(damaged(what)),
            None => Ok(manifest),
        }
    }

    /// What is wrong with it, if anything: it may come from anywhere.
    fn contradiction(&self) -> Option<&'static str> {
        let single = match self.scope {
            Scope::Collection | Scope::Shard => true,
            Scope::Database => false,
        };
        if single && (self.collections.len() != 1 || !self.aliases.is_empty()) {
            return Some("holds more or less than one collection");
        }
        if !self.collections.is_sorted_by(|a, b| a.name < b.name) {
            return Some("has collections out of order");
        }
        for (alias, target) in &self.aliases {
            let at = |name: &CollectionName| CollectionRef {
                database: alias.database.clone(),
                name: name.clone(),
            };
            let has = |name: &CollectionRef| self.collections.iter().any(|c| c.name == *name);
            if has(alias) || !has(&at(target)) {
                return Some("has an alias of nothing");
            }
        }
        let fits = |entry: &CollectionEntry| {
            let mut named: Vec<Ulid> = entry.state.part_ids().collect();
            let mut there: Vec<Ulid> = entry.objects.iter().filter_map(ObjectEntry::part).collect();
            named.sort_unstable();
            there.sort_unstable();
            there.len() == entry.objects.len()
                && named == there
                && named.windows(2).all(|pair| pair[0] != pair[1])
        };
        (!self.collections.iter().all(fits)).then_some("does not name each part once")
    }
}

impl Codec for Manifest {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.id.encode(out)?;
        out.u64(self.created_ms);
        self.scope.encode(out)?;
        self.collections.encode(out)?;
        self.aliases.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: Codec::decode(input)?,
            created_ms: input.u64()?,
            scope: Codec::decode(input)?,
            collections: Codec::decode(input)?,
            aliases: Codec::decode(input)?,
        })
    }
}

impl Codec for Scope {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.u8(match self {
            Self::Collection => 0,
            Self::Shard => 1,
            Self::Database => 2,
        });
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Collection),
            1 => Ok(Self::Shard),
            2 => Ok(Self::Database),
            _ => Err(input.malformed("a scope of a snapshot")),
        }
    }
}

impl Codec for CollectionEntry {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.name.encode(out)?;
        self.state.encode(out)?;
        self.objects.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: Codec::decode(input)?,
            state: Codec::decode(input)?,
            objects: Codec::decode(input)?,
        })
    }
}

impl Codec for ObjectEntry {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.text(self.key.as_str());
        out.varint(self.bytes);
        out.u32(self.crc);
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let text = input.text()?;
        let key = BlobKey::new(text).map_err(|_| input.malformed("a key"))?;
        Ok(Self {
            key,
            bytes: input.varint()?,
            crc: input.u32()?,
        })
    }
}
