//! The directory of a part file: which blocks it has, where, and their checksums.

use thiserror::Error;

use crate::blob::ALIGNMENT;
use crate::checksum;
use crate::log::Fields;

/// Bytes of the fixed trailer that ends every part file.
pub const TRAILER_BYTES: usize = 32;
const MAGIC: &[u8; 8] = b"SKPART\r\n";
const VERSION: u32 = 1;
/// Most blocks of a file and bytes of its directory; far above need, low enough that a forged
/// number cannot make a reader allocate much.
pub(super) const BLOCKS_MAX: usize = 65_536;
const DIRECTORY_BYTES_MAX: u64 = 64 << 20;

/// Why bytes are not a part file that this build can read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContainerError {
    /// Too short, or the magic number is not at its end: not a part file, or cut short.
    #[error("not a complete part file: its trailer is missing")]
    NoTrailer,
    /// Written by a newer Skerry.
    #[error("part file version {found} is newer than this build reads ({VERSION})")]
    Version {
        /// The file's version.
        found: u32,
    },
    /// The directory contradicts its checksum or itself.
    #[error("the directory of the part file is damaged")]
    Directory,
    /// A block's bytes contradict its checksum.
    #[error("block `{name}` of the part file is damaged: it does not match its checksum")]
    Block {
        /// Its name.
        name: String,
    },
    /// The bytes of a page contradict its checksum.
    #[error(
        "page {at} of block `{name}` of the part file is damaged: it does not match its checksum"
    )]
    Page {
        /// Name of the block.
        name: String,
        /// Which page of it.
        at: u64,
    },
    /// Bytes between blocks are not zero.
    #[error("the part file is damaged between its blocks, at byte {at}")]
    Padding {
        /// Position in the file.
        at: u64,
    },
    /// The file has no such block.
    #[error("the part file has no block `{name}`")]
    NoBlock {
        /// The wanted name.
        name: String,
    },
}

impl From<ContainerError> for model::Error {
    fn from(error: ContainerError) -> Self {
        let kind = match &error {
            ContainerError::Version { .. } => model::ErrorKind::Unsupported,
            ContainerError::NoTrailer
            | ContainerError::Directory
            | ContainerError::Block { .. }
            | ContainerError::Page { .. }
            | ContainerError::Padding { .. }
            | ContainerError::NoBlock { .. } => model::ErrorKind::Corrupt,
        };
        Self::new(kind, model::Subject::Storage, error.to_string())
    }
}

/// One block of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    /// Unique in the file.
    pub name: String,
    /// Position in the file, a multiple of [`ALIGNMENT`].
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    /// CRC32C of its bytes.
    pub crc: u32,
}

/// The blocks of a file, in the order they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    blocks: Vec<BlockInfo>,
    /// Where the directory begins: the end of the last block and its padding.
    pub(super) start: u64,
}

/// What a tail was good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailRead {
    /// The directory.
    Done(Directory),
    /// The directory is longer than the tail: read at least so many bytes from the end.
    NeedTail(u64),
}

impl Directory {
    /// Reads the directory out of the last bytes of a file of `file_bytes` in all. A tail of
    /// 4 KiB is enough for some eighty blocks.
    ///
    /// # Errors
    /// [`ContainerError::NoTrailer`], [`ContainerError::Version`], [`ContainerError::Directory`].
    pub fn from_tail(tail: &[u8], file_bytes: u64) -> Result<TailRead, ContainerError> {
        let (before, trailer) = tail
            .split_last_chunk::<TRAILER_BYTES>()
            .ok_or(ContainerError::NoTrailer)?;
        if trailer[24..] != *MAGIC {
            return Err(ContainerError::NoTrailer);
        }
        let mut fields = Fields(&trailer[..24]);
        let damaged = || ContainerError::Directory;
        let start = fields.u64().ok_or_else(damaged)?;
        let length = u64::from(fields.u32().ok_or_else(damaged)?);
        let crc = fields.u32().ok_or_else(damaged)?;
        let version = fields.u32().ok_or_else(damaged)?;
        let reserved = fields.u32().ok_or_else(damaged)?;
        if version > VERSION {
            return Err(ContainerError::Version { found: version });
        }
        let end = start
            .checked_add(length)
            .and_then(|n| n.checked_add(TRAILER_BYTES as u64));
        let fits = end == Some(file_bytes) && length <= DIRECTORY_BYTES_MAX;
        if !fits || version != VERSION || reserved != 0 {
            return Err(ContainerError::Directory);
        }
        if length > before.len() as u64 {
            return Ok(TailRead::NeedTail(length + TRAILER_BYTES as u64));
        }
        let directory = &before[before.len() - length as usize..];
        if checksum(directory, start, length as u32, version) != crc {
            return Err(ContainerError::Directory);
        }
        parse(directory, start)
            .map(TailRead::Done)
            .ok_or(ContainerError::Directory)
    }

    /// The directory and trailer as bytes, for blocks that end (with padding) at `start`.
    pub(super) fn encode(blocks: &[BlockInfo], start: u64) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&(blocks.len() as u32).to_le_bytes());
        for block in blocks {
            out.extend_from_slice(&(block.name.len() as u16).to_le_bytes());
            out.extend_from_slice(block.name.as_bytes());
            out.extend_from_slice(&block.offset.to_le_bytes());
            out.extend_from_slice(&block.length.to_le_bytes());
            out.extend_from_slice(&block.crc.to_le_bytes());
        }
        let length = out.len() as u32;
        let crc = checksum(&out, start, length, VERSION);
        out.extend_from_slice(&start.to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&0_u32.to_le_bytes());
        out.extend_from_slice(MAGIC);
        out
    }

    /// CRC32C of the whole file if it is sound, put together from those of its blocks.
    pub fn checksum(&self) -> u32 {
        let mut crc = 0;
        let mut end = 0;
        let pad = |crc, from: u64, to: u64| {
            crc32c::crc32c_append(crc, &[0; ALIGNMENT][..(to - from) as usize])
        };
        for block in &self.blocks {
            crc = pad(crc, end, block.offset);
            crc = crc32c::crc32c_combine(crc, block.crc, block.length as usize);
            end = block.offset + block.length;
        }
        crc = pad(crc, end, self.start);
        crc32c::crc32c_append(crc, &Self::encode(&self.blocks, self.start))
    }

    /// All blocks in file order.
    pub fn blocks(&self) -> &[BlockInfo] {
        &self.blocks
    }

    /// The block called `name`.
    ///
    /// # Errors
    /// [`ContainerError::NoBlock`].
    pub fn block(&self, name: &str) -> Result<&BlockInfo, ContainerError> {
        self.position(name).map(|at| &self.blocks[at])
    }

    pub(super) fn position(&self, name: &str) -> Result<usize, ContainerError> {
        self.blocks
            .iter()
            .position(|block| block.name == name)
            .ok_or_else(|| ContainerError::NoBlock { name: name.into() })
    }
}

impl BlockInfo {
    /// Whether `bytes` are this block's.
    ///
    /// # Errors
    /// [`ContainerError::Block`].
    pub fn check(&self, bytes: &[u8]) -> Result<(), ContainerError> {
        let mut sum = BlockSum::new(self);
        sum.add(bytes);
        sum.finish()
    }
}

/// The checksum of a block that is read piece by piece.
#[derive(Debug)]
pub struct BlockSum<'a> {
    block: &'a BlockInfo,
    length: u64,
    crc: u32,
}

impl<'a> BlockSum<'a> {
    /// Nothing read yet of `block`.
    pub fn new(block: &'a BlockInfo) -> Self {
        Self {
            block,
            length: 0,
            crc: 0,
        }
    }

    /// The next bytes of the block.
    pub fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.crc = checksum::append(self.crc, bytes);
    }

    /// # Errors
    /// [`ContainerError::Block`] unless the whole block was read and is sound.
    pub fn finish(self) -> Result<(), ContainerError> {
        if self.length == self.block.length && self.crc == self.block.crc {
            return Ok(());
        }
        Err(ContainerError::Block {
            name: self.block.name.clone(),
        })
    }
}

/// Of the directory and of those trailer fields that say where it is.
fn checksum(directory: &[u8], start: u64, length: u32, version: u32) -> u32 {
    let mut crc = crc32c::crc32c(directory);
    crc = crc32c::crc32c_append(crc, &start.to_le_bytes());
    crc = crc32c::crc32c_append(crc, &length.to_le_bytes());
    crc32c::crc32c_append(crc, &version.to_le_bytes())
}

fn parse(bytes: &[u8], start: u64) -> Option<Directory> {
    let mut fields = Fields(bytes);
    let count = fields.u32()? as usize;
    if count > BLOCKS_MAX {
        return None;
    }
    let mut blocks: Vec<BlockInfo> = Vec::new();
    let mut end = 0;
    for _ in 0..count {
        let name_bytes = usize::from(u16::from_le_bytes(fields.array()?));
        let (name, rest) = fields.0.split_at_checked(name_bytes)?;
        fields.0 = rest;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        let (offset, length) = (fields.u64()?, fields.u64()?);
        let crc = fields.u32()?;
        // Blocks follow each other with no gap but the padding, so none can overlap.
        if offset != padded(end)? {
            return None;
        }
        end = offset.checked_add(length)?;
        blocks.push(BlockInfo {
            name,
            offset,
            length,
            crc,
        });
    }
    let complete = fields.0.is_empty() && padded(end)? == start;
    complete.then_some(Directory { blocks, start })
}

/// The next multiple of [`ALIGNMENT`].
pub(super) fn padded(length: u64) -> Option<u64> {
    length.checked_next_multiple_of(ALIGNMENT as u64)
}
