//! The collector's promise: entries below the boundary do not count, whoever writes them.

use crate::blob::{BlobStore, BlobStoreExt, Body, ListOptions, PutIf};
use crate::blob_error::{BlobError, BlobErrorKind};
use crate::chunks::{ChunkWriter, strip_crc};
use crate::key::BlobKey;

use super::entry::Fields;

pub(crate) const FOLDER: &str = "gc/boundary";
const MAGIC: &[u8; 4] = b"SKGB";
const VERSION: u32 = 1;

/// The lowest entry that counts, as last read.
///
/// Stored as a chain of create-only markers `{prefix}/gc/boundary/{generation:020}`, never
/// deleted (32 bytes for each collection of garbage). Why not one object that is overwritten? Two
/// collectors could then lower it, and a lowered boundary lets a sleeping writer acknowledge an
/// entry that nobody will ever read. With a chain, the next generation is created by exactly one
/// of them, and "has it moved?" is one small read that normally finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    generation: u64,
    lowest: u64,
}

impl Boundary {
    /// Every entry counts.
    pub(crate) const START: Self = Self {
        generation: 0,
        lowest: 1,
    };

    /// The lowest entry that counts.
    pub fn lowest(&self) -> u64 {
        self.lowest
    }

    /// Finds the newest marker by listing.
    ///
    /// # Errors
    /// Those of the store; `Corrupt` when the marker fails its checksum.
    pub(crate) async fn find(store: &dyn BlobStore, prefix: &BlobKey) -> Result<Self, BlobError> {
        let folder = prefix.folder(FOLDER);
        let listed = store
            .list(ListOptions {
                prefix: &folder,
                ..ListOptions::default()
            })
            .await?;
        let newest = listed.iter().filter_map(|meta| meta.key.number()).max();
        let mut found = Self::START;
        if let Some(generation) = newest.filter(|&generation| generation > 0) {
            found.generation = generation - 1;
        }
        found.refresh(store, prefix).await?;
        Ok(found)
    }

    /// Reads on from the generation known so far: one read when nothing has changed.
    ///
    /// # Errors
    /// Those of the store; `Corrupt` when a marker fails its checksum.
    pub(crate) async fn refresh(
        &mut self,
        store: &dyn BlobStore,
        prefix: &BlobKey,
    ) -> Result<(), BlobError> {
        loop {
            let generation = self.generation + 1;
            let key = prefix.numbered(FOLDER, generation);
            let Some(bytes) = store.get_if_present(&key).await? else {
                return Ok(());
            };
            let lowest = decode(&bytes, generation).ok_or_else(|| {
                BlobError::new(BlobErrorKind::Corrupt, "damaged boundary marker").about(&key)
            })?;
            *self = Self {
                generation,
                lowest: self.lowest.max(lowest),
            };
        }
    }

    /// Makes the boundary at least `lowest`, durably, whoever else raises it meanwhile.
    ///
    /// # Errors
    /// Those of the store; the boundary may or may not have moved.
    pub(crate) async fn raise(
        &mut self,
        store: &dyn BlobStore,
        prefix: &BlobKey,
        lowest: u64,
    ) -> Result<(), BlobError> {
        self.refresh(store, prefix).await?;
        while self.lowest < lowest {
            let generation = self.generation + 1;
            let key = prefix.numbered(FOLDER, generation);
            match store
                .put(&key, encode(generation, lowest), PutIf::Absent)
                .await
            {
                Ok(()) => *self = Self { generation, lowest },
                // Ours after a lost acknowledgement or another collector's: read what it says.
                Err(error) if error.kind() == BlobErrorKind::Conflict => {
                    let before = self.generation;
                    self.refresh(store, prefix).await?;
                    if self.generation == before {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn encode(generation: u64, lowest: u64) -> Body {
    let mut out = ChunkWriter::default();
    out.field(MAGIC);
    out.field(&VERSION.to_le_bytes());
    out.field(&generation.to_le_bytes());
    out.field(&lowest.to_le_bytes());
    out.finish_with_crc().0
}

fn decode(bytes: &[u8], generation: u64) -> Option<u64> {
    let mut fields = Fields(strip_crc(bytes)?.0);
    let known = fields.array() == Some(*MAGIC) && fields.u32() == Some(VERSION);
    let ours = known && fields.u64() == Some(generation);
    ours.then(|| fields.u64()).flatten()
}
