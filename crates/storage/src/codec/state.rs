//! What a collection's checkpoints carry: its schema and its sealed segments.

use bytes::Bytes;
use model::{Error, FieldPath, Schema, VectorName};

use super::{Codec, DecodeError, Reader, Writer};
use crate::ulid::Ulid;

/// A collection without growing rows.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectionState {
    /// Its schema and settings.
    pub schema: Schema,
    /// Number of the last operation applied, counted from 1.
    pub operation: u64,
    /// Its sealed segments.
    pub segments: Vec<SegmentEntry>,
}

/// One sealed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentEntry {
    /// Its identity.
    pub id: Ulid,
    /// Number of its rows, deleted ones included.
    pub rows: u32,
    /// Its deleted rows, opaque here.
    pub tombstones: Bytes,
    /// Its concealed rows, opaque here.
    pub concealed: Bytes,
    /// Its part files.
    pub parts: Vec<PartEntry>,
}

/// One part file of a segment: the object `{prefix}/seg/{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEntry {
    /// What is in it.
    pub role: PartRole,
    /// Its name.
    pub id: Ulid,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What is in a part file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartRole {
    /// Ids, versions, vectors and payloads.
    Rows,
    /// Codes and graph of one vector field.
    Hnsw(VectorName),
    /// The payload index at one path.
    Column(FieldPath),
    /// Inverted lists of one vector field.
    Lists(VectorName),
    /// Postings of one sparse field.
    Postings(VectorName),
}

impl CollectionState {
    /// The names of all part files, for the collector of garbage.
    pub fn part_ids(&self) -> impl Iterator<Item = Ulid> {
        self.segments
            .iter()
            .flat_map(|segment| &segment.parts)
            .map(|part| part.id)
    }
}

impl Codec for CollectionState {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.schema.encode(out)?;
        out.varint(self.operation);
        self.segments.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            schema: Codec::decode(input)?,
            operation: input.varint()?,
            segments: Codec::decode(input)?,
        })
    }
}

impl Codec for SegmentEntry {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.id.encode(out)?;
        out.u32(self.rows);
        out.bytes(&self.tombstones);
        out.bytes(&self.concealed);
        self.parts.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: Codec::decode(input)?,
            rows: input.u32()?,
            tombstones: Bytes::copy_from_slice(input.bytes()?),
            concealed: Bytes::copy_from_slice(input.bytes()?),
            parts: Codec::decode(input)?,
        })
    }
}

impl Codec for PartEntry {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.role.encode(out)?;
        self.id.encode(out)?;
        out.varint(self.bytes);
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            role: Codec::decode(input)?,
            id: Codec::decode(input)?,
            bytes: input.varint()?,
        })
    }
}

impl Codec for PartRole {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Rows => {
                out.u8(0);
                Ok(())
            }
            Self::Hnsw(name) => {
                out.u8(1);
                name.encode(out)
            }
            Self::Column(path) => {
                out.u8(2);
                path.encode(out)
            }
            Self::Lists(name) => {
                out.u8(3);
                name.encode(out)
            }
            Self::Postings(name) => {
                out.u8(4);
                name.encode(out)
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Rows),
            1 => Codec::decode(input).map(Self::Hnsw),
            2 => Codec::decode(input).map(Self::Column),
            3 => Codec::decode(input).map(Self::Lists),
            4 => Codec::decode(input).map(Self::Postings),
            _ => Err(input.malformed("a role of a part")),
        }
    }
}
