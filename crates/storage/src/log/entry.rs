//! One commit as bytes: fields, items, checksum.

use bytes::Bytes;
use thiserror::Error;

use crate::blob::Body;
use crate::chunks::{ChunkWriter, strip_crc};

const MAGIC: &[u8; 4] = b"SKLG";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 80;
/// Most bytes of an entry, checked when it is written and when it is read.
const ENTRY_BYTES_MAX: u64 = 1 << 30;

/// 128 random bits that name one attempt of one writer to commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce(pub [u8; 16]);

/// Names the content of an entry: its writer's nonce and its CRC32C.
///
/// The nonce tells apart entries of the same number (a fork, a restored backup); the CRC binds
/// the bytes. Together they stand in for a hash of the parent: accidents are found, and whoever
/// can forge objects in the bucket could rewrite a chain of any hash as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Nonce of the entry.
    pub nonce: Nonce,
    /// CRC32C of all its bytes but the last four, which hold it.
    pub crc: u32,
}

impl Link {
    /// The parent of entry 1.
    pub const ORIGIN: Self = Self {
        nonce: Nonce([0; 16]),
        crc: 0,
    };
}

/// A place in the log: just after entry `n`, or the beginning when `n` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Number of the last entry before this place.
    pub n: u64,
    /// Sequence number of the next item.
    pub sequence: u64,
    /// Highest epoch so far.
    pub epoch: u64,
    /// What entry `n + 1` must name as its parent.
    pub link: Link,
}

impl Position {
    /// Before entry 1.
    pub const ORIGIN: Self = Self {
        n: 0,
        sequence: 0,
        epoch: 0,
        link: Link::ORIGIN,
    };
}

/// What the items of an entry are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Operations of callers, in order.
    Operations,
    /// Segments added and removed; what queries answer does not change.
    Segments,
    /// A checkpoint was written; one item says where.
    Checkpoint,
}

impl EntryKind {
    fn code(self) -> u8 {
        match self {
            Self::Operations => 1,
            Self::Segments => 2,
            Self::Checkpoint => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Operations, Self::Segments, Self::Checkpoint]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number; the first is 1.
    pub n: u64,
    /// Incarnation of the writer; grows with every take-over.
    pub epoch: u64,
    /// Names this attempt to commit.
    pub nonce: Nonce,
    /// Sequence number of the first item; items of a shard are counted from 0 without gaps.
    pub sequence: u64,
    /// The entry before.
    pub parent: Link,
    /// What the items are.
    pub kind: EntryKind,
    /// Opaque here; see [`crate::codec`].
    pub items: Vec<Bytes>,
}

/// Why bytes are not the entry that they should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EntryDefect {
    /// Cut short, or a flipped bit anywhere.
    #[error("the checksum does not match its {bytes} bytes")]
    Checksum {
        /// Length of the object.
        bytes: usize,
    },
    /// The checksum holds, but this is no entry, or one of a length that the fields deny.
    #[error("it is not a well-formed log entry")]
    Malformed,
    /// Written by a newer Skerry.
    #[error("it has format version {0}, newer than this build reads")]
    Version(u16),
    /// The object has another entry's number inside.
    #[error("it says that it is entry {0}")]
    Number(u64),
    /// It continues another history.
    #[error("it does not continue the entry before it")]
    Parent,
    /// Its sequence or epoch does not follow.
    #[error("its sequence {sequence} or epoch {epoch} does not follow")]
    Order {
        /// Of its first item.
        sequence: u64,
        /// Of its writer.
        epoch: u64,
    },
    /// No object of that number, although a later one exists.
    #[error("it is missing, although later entries exist")]
    Missing,
}

impl Entry {
    /// The bytes of the entry and the link that names it.
    ///
    /// `None` when it would be larger than 1 GiB or an item than 4 GiB.
    pub(crate) fn encode(&self) -> Option<(Body, Link)> {
        let payload: u64 = self.items.iter().map(|item| 4 + item.len() as u64).sum();
        if payload > ENTRY_BYTES_MAX {
            return None;
        }
        let mut out = ChunkWriter::default();
        out.field(MAGIC);
        out.field(&VERSION.to_le_bytes());
        out.field(&[self.kind.code(), 0]);
        out.field(&self.n.to_le_bytes());
        out.field(&self.epoch.to_le_bytes());
        out.field(&self.nonce.0);
        out.field(&self.sequence.to_le_bytes());
        out.field(&self.parent.nonce.0);
        out.field(&self.parent.crc.to_le_bytes());
        out.field(&u32::try_from(self.items.len()).ok()?.to_le_bytes());
        out.field(&payload.to_le_bytes());
        debug_assert_eq!(out.length(), HEADER_BYTES as u64);
        for item in &self.items {
            out.field(&u32::try_from(item.len()).ok()?.to_le_bytes());
            out.payload(item);
        }
        let (body, crc) = out.finish_with_crc();
        Some((
            body,
            Link {
                nonce: self.nonce,
                crc,
            },
        ))
    }

    /// Reads an entry and the link that names it; items share `bytes`.
    ///
    /// # Errors
    /// The first defect found.
    pub(crate) fn decode(bytes: &Bytes) -> Result<(Self, Link), EntryDefect> {
        let (content, crc) =
            strip_crc(bytes).ok_or(EntryDefect::Checksum { bytes: bytes.len() })?;
        let mut fields = Fields(content);
        if fields.array() != Some(*MAGIC) {
            return Err(EntryDefect::Malformed);
        }
        match fields.array().map(u16::from_le_bytes) {
            Some(VERSION) => {}
            Some(version) if version > VERSION => return Err(EntryDefect::Version(version)),
            _ => return Err(EntryDefect::Malformed),
        }
        let entry = Self::fields(&mut fields, bytes).ok_or(EntryDefect::Malformed)?;
        let link = Link {
            nonce: entry.nonce,
            crc,
        };
        Ok((entry, link))
    }

    fn fields(fields: &mut Fields<'_>, bytes: &Bytes) -> Option<Self> {
        let [kind, _reserved] = fields.array()?;
        let kind = EntryKind::from_code(kind)?;
        let n = fields.u64()?;
        let epoch = fields.u64()?;
        let nonce = Nonce(fields.array()?);
        let sequence = fields.u64()?;
        let parent = Link {
            nonce: Nonce(fields.array()?),
            crc: fields.u32()?,
        };
        let count = fields.u32()?;
        if fields.u64()? != fields.0.len() as u64 || fields.0.len() as u64 > ENTRY_BYTES_MAX {
            return None;
        }
        let mut items = Vec::new();
        for _ in 0..count {
            let length = fields.u32()? as usize;
            let (item, rest) = fields.0.split_at_checked(length)?;
            items.push(bytes.slice_ref(item));
            fields.0 = rest;
        }
        fields.0.is_empty().then_some(Self {
            n,
            epoch,
            nonce,
            sequence,
            parent,
            kind,
            items,
        })
    }

    /// Whether the entry continues the log at `position`.
    ///
    /// # Errors
    /// How it does not.
    pub(crate) fn follows(&self, position: &Position) -> Result<(), EntryDefect> {
        if self.n != position.n + 1 {
            return Err(EntryDefect::Number(self.n));
        }
        if self.parent != position.link {
            return Err(EntryDefect::Parent);
        }
        if self.sequence != position.sequence || self.epoch < position.epoch {
            return Err(EntryDefect::Order {
                sequence: self.sequence,
                epoch: self.epoch,
            });
        }
        Ok(())
    }

    /// The place just after this entry, whose link is `link`.
    pub(crate) fn end(&self, link: Link) -> Position {
        Position {
            n: self.n,
            sequence: self.sequence + self.items.len() as u64,
            epoch: self.epoch,
            link,
        }
    }
}

/// Little-endian fields from the front of a slice.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn any_entry() -> impl Strategy<Value = Entry> {
        let kind = prop_oneof![
            Just(EntryKind::Operations),
            Just(EntryKind::Segments),
            Just(EntryKind::Checkpoint),
        ];
        let item = prop_oneof![0_usize..40, 4000_usize..9000]
            .prop_map(|length| Bytes::from(vec![0xA5; length]));
        let items = prop::collection::vec(item, 0..6);
        let numbers = (1..u64::MAX, any::<u64>(), 0..u64::MAX / 2);
        (numbers, any::<([u8; 16], [u8; 16], u32)>(), kind, items).prop_map(
            |((n, epoch, sequence), (nonce, parent, crc), kind, items)| Entry {
                n,
                epoch,
                nonce: Nonce(nonce),
                sequence,
                parent: Link {
                    nonce: Nonce(parent),
                    crc,
                },
                kind,
                items,
            },
        )
    }

    proptest! {
        #[test]
        fn entries_round_trip(entry in any_entry()) {
            let (body, link) = entry.encode().unwrap();
            prop_assert_eq!(Entry::decode(&body.to_aligned()), Ok((entry, link)));
        }

        #[test]
        fn any_changed_or_missing_byte_is_found(
            entry in any_entry(), at: prop::sample::Index, flip in 1_u8..,
        ) {
            let bytes = entry.encode().unwrap().0.to_aligned();
            let mut changed = bytes.to_vec();
            let at = at.index(changed.len());
            changed[at] ^= flip;
            prop_assert!(Entry::decode(&changed.into()).is_err());
            prop_assert!(Entry::decode(&bytes.slice(..at)).is_err());
        }

        #[test]
        fn forged_checksums_never_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..200), real: bool,
        ) {
            if real && bytes.len() > 6 {
                bytes[..4].copy_from_slice(MAGIC);
                bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
            }
            let crc = crc32c::crc32c(&bytes);
            bytes.extend_from_slice(&crc.to_le_bytes());
            let _ = Entry::decode(&bytes.into());
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let entry = Entry {
            n: 1,
            epoch: 0,
            nonce: Nonce([1; 16]),
            sequence: 0,
            parent: Link::ORIGIN,
            kind: EntryKind::Operations,
            items: vec![],
        };
        let mut bytes = entry.encode().unwrap().0.to_aligned().to_vec();
        bytes.truncate(bytes.len() - 4);
        bytes[4] = 9;
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        assert_eq!(
            Entry::decode(&bytes.into()).unwrap_err(),
            EntryDefect::Version(9)
        );
    }
}
