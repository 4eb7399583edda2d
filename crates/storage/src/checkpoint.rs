//! Checkpoints: the whole state at one place of the log, so that recovery need not start at its
//! beginning.

use bytes::Bytes;

use crate::blob::{BlobStore, BlobStoreExt, Body, ListOptions, PutIf};
use crate::blob_error::{BlobError, BlobErrorKind};
use crate::chunks::{ChunkWriter, strip_crc};
use crate::key::BlobKey;
use crate::log::{Link, Nonce, Position};

pub(crate) const FOLDER: &str = "ckpt";
const MAGIC: &[u8; 4] = b"SKCP";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 60;

/// A checkpoint that was read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The place: the state includes the effects of every entry up to it.
    pub position: Position,
    /// The state, opaque here.
    pub payload: Bytes,
}

/// Writes the checkpoint of `position`. A valid one that stands there already is left alone: the
/// state at a place is one, whoever writes it. A damaged one is replaced.
pub(crate) async fn write(
    store: &dyn BlobStore,
    prefix: &BlobKey,
    position: Position,
    payload: Vec<Bytes>,
) -> Result<(), BlobError> {
    let key = prefix.numbered(FOLDER, position.n);
    let body = encode(&position, &payload);
    match store.put(&key, body.clone(), PutIf::Absent).await {
        Err(error) if error.kind() == BlobErrorKind::Conflict => {
            let found = store.get_all(&key).await?;
            match decode(&found) {
                Some(found) if found.position == position => Ok(()),
                _ => store.put(&key, body, PutIf::Overwrite).await,
            }
        }
        other => other,
    }
}

fn encode(position: &Position, payload: &[Bytes]) -> Body {
    let length: u64 = payload.iter().map(|chunk| chunk.len() as u64).sum();
    let mut out = ChunkWriter::default();
    out.field(MAGIC);
    out.field(&VERSION.to_le_bytes());
    out.field(&position.n.to_le_bytes());
    out.field(&position.sequence.to_le_bytes());
    out.field(&position.epoch.to_le_bytes());
    out.field(&position.link.nonce.0);
    out.field(&position.link.crc.to_le_bytes());
    out.field(&length.to_le_bytes());
    debug_assert_eq!(out.length(), HEADER_BYTES as u64);
    payload.iter().for_each(|chunk| out.payload(chunk));
    out.finish_with_crc().0
}

fn decode(bytes: &Bytes) -> Option<Checkpoint> {
    let (content, _) = strip_crc(bytes)?;
    let mut fields = crate::log::Fields(content);
    let known = fields.array() == Some(*MAGIC) && fields.u32() == Some(VERSION);
    if !known {
        return None;
    }
    let position = Position {
        n: fields.u64()?,
        sequence: fields.u64()?,
        epoch: fields.u64()?,
        link: Link {
            nonce: Nonce(fields.array()?),
            crc: fields.u32()?,
        },
    };
    let length = fields.u64()?;
    let rest = fields.0;
    (length == rest.len() as u64).then(|| Checkpoint {
        position,
        payload: bytes.slice_ref(rest),
    })
}

/// The newest valid checkpoint from which the log can be replayed, and those passed over.
///
/// `lowest` is the first entry that still counts; a checkpoint before `lowest - 1` is useless.
pub(crate) async fn newest(
    store: &dyn BlobStore,
    prefix: &BlobKey,
    lowest: u64,
) -> Result<(Option<Checkpoint>, Vec<BlobKey>), BlobError> {
    let mut passed_over = Vec::new();
    for key in numbers(store, prefix).await?.into_iter().rev() {
        if key.number().is_none_or(|n| n + 1 < lowest) {
            break;
        }
        match read(store, &key).await? {
            Some(checkpoint) => return Ok((Some(checkpoint), passed_over)),
            None => passed_over.push(key),
        }
    }
    Ok((None, passed_over))
}

/// Keys of all checkpoints, ascending.
pub(crate) async fn numbers(
    store: &dyn BlobStore,
    prefix: &BlobKey,
) -> Result<Vec<BlobKey>, BlobError> {
    let folder = prefix.folder(FOLDER);
    let listed = store
        .list(ListOptions {
            prefix: &folder,
            ..ListOptions::default()
        })
        .await?;
    Ok(listed
        .into_iter()
        .map(|meta| meta.key)
        .filter(|key| key.number().is_some())
        .collect())
}

/// The checkpoint at `key`; `None` when it is damaged, or gone since it was listed.
pub(crate) async fn read(
    store: &dyn BlobStore,
    key: &BlobKey,
) -> Result<Option<Checkpoint>, BlobError> {
    let Some(bytes) = store.get_if_present(key).await? else {
        return Ok(None);
    };
    Ok(decode(&bytes).filter(|checkpoint| key.number() == Some(checkpoint.position.n)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn checkpoints_round_trip_and_any_changed_byte_is_found(
            numbers: (u64, u64, u64, u32), nonce: [u8; 16],
            payload in prop::collection::vec(any::<u8>(), 0..100),
            at: prop::sample::Index, flip in 1_u8..,
        ) {
            let (n, sequence, epoch, crc) = numbers;
            let link = Link { nonce: Nonce(nonce), crc };
            let position = Position { n, sequence, epoch, link };
            let chunks = payload.chunks(7).map(Bytes::copy_from_slice).collect::<Vec<_>>();
            let bytes = encode(&position, &chunks).to_aligned();
            let read = decode(&bytes).unwrap();
            prop_assert_eq!(read, Checkpoint { position, payload: payload.into() });
            let mut changed = bytes.to_vec();
            let at = at.index(changed.len());
            changed[at] ^= flip;
            prop_assert_eq!(decode(&changed.into()), None);
            prop_assert_eq!(decode(&bytes.slice(..at)), None);
        }
    }
}
