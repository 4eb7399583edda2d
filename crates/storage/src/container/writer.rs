//! Packs blocks into a part file in one pass.

use bytes::Bytes;
use thiserror::Error;

use super::directory::{BLOCKS_MAX, BlockInfo, Directory, padded};
use crate::blob::{ALIGNMENT, Body};

static PADDING: [u8; ALIGNMENT] = [0; ALIGNMENT];

/// Name of the block of a file that has one.
pub const SINGLE: &str = "content";

impl Directory {
    /// What follows the block of a file that has one, [`SINGLE`]: padding, then directory and
    /// trailer. `None` when no file can be so long.
    pub(crate) fn of_single(length: u64, crc: u32) -> Option<(&'static [u8], Vec<u8>)> {
        let end = padded(length)?;
        let block = BlockInfo {
            name: SINGLE.into(),
            offset: 0,
            length,
            crc,
        };
        let padding = &PADDING[..(end - length) as usize];
        Some((padding, Self::encode(&[block], end)))
    }
}

/// Why blocks cannot be packed: a mistake of the caller.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BlockName {
    /// Two blocks have the name.
    #[error("two blocks are called `{0}`")]
    Repeated(String),
    /// A name of more than 1024 bytes.
    #[error("the block name `{0}` is longer than 1024 bytes")]
    TooLong(String),
    /// More than 65 536 blocks.
    #[error("{0} blocks are more than one file can hold")]
    TooMany(usize),
}

impl From<BlockName> for model::Error {
    fn from(error: BlockName) -> Self {
        Self::internal(error.to_string())
    }
}

/// A part file holding `blocks` in this order. Their bytes are shared, not copied, and read once
/// for their checksums.
///
/// # Errors
/// [`BlockName`] when a name is repeated or too long.
pub fn pack(blocks: &[(String, Bytes)]) -> Result<Body, BlockName> {
    check_names(blocks)?;
    let mut infos = Vec::with_capacity(blocks.len());
    let mut chunks = Vec::with_capacity(2 * blocks.len() + 1);
    let mut end = 0_u64;
    for (name, bytes) in blocks {
        let length = bytes.len() as u64;
        let crc = crc32c::crc32c(bytes);
        infos.push(BlockInfo {
            name: name.clone(),
            offset: end,
            length,
            crc,
        });
        let next = padded(end + length).expect("lengths of buffers in memory do not overflow");
        let gap = (next - end - length) as usize;
        chunks.push(bytes.clone());
        chunks.push(Bytes::from_static(&PADDING[..gap]));
        end = next;
    }
    chunks.push(Directory::encode(&infos, end).into());
    chunks.retain(|chunk| !chunk.is_empty());
    Ok(chunks.into())
}

fn check_names(blocks: &[(String, Bytes)]) -> Result<(), BlockName> {
    if blocks.len() > BLOCKS_MAX {
        return Err(BlockName::TooMany(blocks.len()));
    }
    let mut names: Vec<&str> = blocks.iter().map(|(name, _)| name.as_str()).collect();
    if let Some(name) = names.iter().find(|name| name.len() > 1024) {
        return Err(BlockName::TooLong((*name).into()));
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(BlockName::Repeated(pair[0].into())),
        None => Ok(()),
    }
}
