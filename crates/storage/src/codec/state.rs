//! What a collection's checkpoints carry: its schema and its sealed segments.

use bytes::Bytes;
use model::{Attachment, AttachmentKey, Error, FieldPath, Schema, VectorName};

use super::{Codec, DecodeError, Reader, Writer};
use crate::attached;
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
    /// Bytes that are kept with it, ascending by key.
    pub attachments: Vec<(AttachmentKey, Attachment)>,
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
    /// The names of all part files, those of attachments too, for the collector of garbage.
    pub fn part_ids(&self) -> impl Iterator<Item = Ulid> {
        self.segments
            .iter()
            .flat_map(|segment| &segment.parts)
            .map(|part| part.id)
            .chain(
                self.attachments
                    .iter()
                    .map(|(_, kept)| attached::file(kept)),
            )
    }
}

impl Codec for CollectionState {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.schema.encode(out)?;
        out.varint(self.operation);
        // Attachments came later than segments: they take the place of one more, which only
        // those states have that need it.
        let more = usize::from(!self.attachments.is_empty());
        out.varint((self.segments.len() + more) as u64);
        for segment in &self.segments {
            segment.encode(out)?;
        }
        if more > 0 {
            NO_SEGMENT.encode(out)?;
            self.attachments.encode(out)?;
        }
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut state = Self {
            schema: Codec::decode(input)?,
            operation: input.varint()?,
            segments: Vec::new(),
            attachments: Vec::new(),
        };
        for left in (0..input.varint()?).rev() {
            let id: Ulid = Codec::decode(input)?;
            if id != NO_SEGMENT {
                state.segments.push(SegmentEntry::decode_of(id, input)?);
                continue;
            }
            state.attachments = Codec::decode(input)?;
            let ascend = state.attachments.is_sorted_by(|(a, _), (b, _)| a < b);
            if left > 0 || state.attachments.is_empty() || !ascend {
                return Err(input.malformed("a list of attachments"));
            }
        }
        Ok(state)
    }
}

/// Stands where the identity of a segment would.
const NO_SEGMENT: Ulid = Ulid::from_bytes([0; 16]);

impl Codec for SegmentEntry {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.id.encode(out)?;
        out.u32(self.rows);
        out.bytes(&self.tombstones);
        out.bytes(&self.concealed);
        self.parts.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = Codec::decode(input)?;
        Self::decode_of(id, input)
    }
}

impl SegmentEntry {
    fn decode_of(id: Ulid, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id,
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
