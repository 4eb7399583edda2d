//! Checksums of the pages of a block, so that parts of it can be read and still be trusted.

use std::ops::Range;

use bytes::Bytes;

use super::directory::{BlockInfo, ContainerError};
use crate::checksum;

/// Bytes of a page; the last one of a block may be shorter. A few rows of usual embeddings: most of
/// what is fetched for one row is then of use, and checksums take a part in four thousand.
pub const PAGE_BYTES: u64 = 16 << 10;

/// The block that holds the checksums of the pages of `block`.
pub fn sums_name(block: &str) -> String {
    format!("sums.{block}")
}

/// CRC32C of every page of `bytes`, little-endian, in their order.
pub fn page_sums(bytes: &[u8]) -> Bytes {
    let pages = bytes.chunks(PAGE_BYTES as usize);
    let sums = pages.flat_map(|page| checksum::append(0, page).to_le_bytes());
    sums.collect::<Vec<u8>>().into()
}

/// The pages of one block.
#[derive(Clone, Debug)]
pub struct PageSums {
    block: BlockInfo,
    sums: Bytes,
}

impl PageSums {
    /// The pages of `block`, whose checksums are `sums`.
    ///
    /// # Errors
    /// [`ContainerError::Block`] naming the checksums, when they are of another number of pages.
    pub fn open(block: &BlockInfo, sums: Bytes) -> Result<Self, ContainerError> {
        if sums.len() as u64 != block.length.div_ceil(PAGE_BYTES) * 4 {
            let name = sums_name(&block.name);
            return Err(ContainerError::Block { name });
        }
        let block = block.clone();
        Ok(Self { block, sums })
    }

    /// The block.
    pub fn block(&self) -> &BlockInfo {
        &self.block
    }

    /// Where page `at` lies in the block.
    pub fn place(&self, at: u64) -> Range<u64> {
        let start = at * PAGE_BYTES;
        start..(start + PAGE_BYTES).min(self.block.length)
    }

    /// Whether `bytes` are those of page `at`.
    ///
    /// # Errors
    /// [`ContainerError::Page`].
    pub fn check(&self, at: u64, bytes: &[u8]) -> Result<(), ContainerError> {
        let (sums, _) = self.sums.as_chunks::<4>();
        let place = self.place(at);
        let whole = bytes.len() as u64 == place.end.saturating_sub(place.start);
        let sum = sums.get(at as usize).map(|sum| u32::from_le_bytes(*sum));
        if whole && sum == Some(checksum::append(0, bytes)) {
            return Ok(());
        }
        let name = self.block.name.clone();
        Err(ContainerError::Page { name, at })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pages_are_told_from_others_and_from_damaged_ones() {
        let bytes: Vec<u8> = (0..PAGE_BYTES * 2 + 5).map(|at| (at % 251) as u8).collect();
        let block = BlockInfo {
            name: "rows".into(),
            offset: 64,
            length: bytes.len() as u64,
            crc: 0,
        };
        let pages = PageSums::open(&block, page_sums(&bytes)).unwrap();
        let page = |at: u64| {
            let Range { start, end } = pages.place(at);
            bytes[start as usize..end as usize].to_vec()
        };
        assert_eq!(pages.place(2), PAGE_BYTES * 2..PAGE_BYTES * 2 + 5);
        for at in 0..3 {
            pages.check(at, &page(at)).unwrap();
            let mut damaged = page(at);
            damaged[4] ^= 1;
            let error = pages.check(at, &damaged).unwrap_err();
            assert_eq!(
                error,
                ContainerError::Page {
                    name: "rows".into(),
                    at
                }
            );
        }
        assert!(pages.check(1, &page(0)).is_err());
        assert!(pages.check(1, &page(1)[1..]).is_err());
        assert!(pages.check(3, &[]).is_err());
        assert!(PageSums::open(&block, page_sums(&bytes[..100])).is_err());
    }
}
