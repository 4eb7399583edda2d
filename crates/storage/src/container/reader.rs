//! A part file that is in memory or mapped, opened without copying.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::directory::{BlockInfo, ContainerError, Directory, TailRead};

/// Blocks up to this size are verified when the file is opened: together with the directory they
/// are what opening reads anyway.
pub const EAGER_BYTES_MAX: u64 = 1 << 20;

/// An open part file; blocks are slices of its bytes.
#[derive(Debug)]
pub struct Container {
    bytes: Bytes,
    directory: Directory,
    /// Parallel to the directory. Relaxed is enough: the bytes never change, so a thread that
    /// misses another's mark only verifies again.
    verified: Vec<AtomicBool>,
}

impl Container {
    /// Opens a whole file and verifies its directory and small blocks.
    ///
    /// # Errors
    /// [`ContainerError`] of the directory or of the first damaged small block.
    pub fn open(bytes: Bytes) -> Result<Self, ContainerError> {
        let TailRead::Done(directory) = Directory::from_tail(&bytes, bytes.len() as u64)? else {
            // The whole file is at hand, so a directory that does not fit in it lies.
            return Err(ContainerError::Directory);
        };
        let verified = directory
            .blocks()
            .iter()
            .map(|_| AtomicBool::new(false))
            .collect();
        let container = Self {
            bytes,
            directory,
            verified,
        };
        for at in 0..container.verified.len() {
            if container.directory.blocks()[at].length <= EAGER_BYTES_MAX {
                container.verified(at)?;
            }
        }
        Ok(container)
    }

    /// Names, places and checksums of the blocks.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The block called `name`, verified now if it has not been before.
    ///
    /// # Errors
    /// [`ContainerError::NoBlock`], [`ContainerError::Block`].
    pub fn block(&self, name: &str) -> Result<Bytes, ContainerError> {
        self.verified(self.directory.position(name)?)
    }

    /// The block called `name`, without reading it: for large blocks whose damage would give
    /// wrong answers but not undefined ones, until [`Self::verify`] has run.
    ///
    /// # Errors
    /// [`ContainerError::NoBlock`].
    pub fn block_unverified(&self, name: &str) -> Result<Bytes, ContainerError> {
        Ok(self.slice(self.directory.block(name)?))
    }

    /// Whether the block called `name` has been verified.
    pub fn is_verified(&self, name: &str) -> bool {
        let at = self.directory.position(name);
        at.is_ok_and(|at| self.verified[at].load(Ordering::Relaxed))
    }

    /// Reads the whole file and checks every block and the padding between them.
    ///
    /// # Errors
    /// The first [`ContainerError`] in file order.
    pub fn verify(&self) -> Result<(), ContainerError> {
        let mut end = 0;
        for (at, block) in self.directory.blocks().iter().enumerate() {
            self.check_padding(end, block.offset)?;
            self.verified(at)?;
            end = block.offset + block.length;
        }
        self.check_padding(end, self.directory.start)
    }

    fn verified(&self, at: usize) -> Result<Bytes, ContainerError> {
        let block = &self.directory.blocks()[at];
        let bytes = self.slice(block);
        if !self.verified[at].load(Ordering::Relaxed) {
            block.check(&bytes)?;
            self.verified[at].store(true, Ordering::Relaxed);
        }
        Ok(bytes)
    }

    fn slice(&self, block: &BlockInfo) -> Bytes {
        // The directory was checked to lie after all its blocks, inside the file.
        self.bytes
            .slice(block.offset as usize..(block.offset + block.length) as usize)
    }

    fn check_padding(&self, from: u64, to: u64) -> Result<(), ContainerError> {
        let gap = &self.bytes[from as usize..to as usize];
        match gap.iter().position(|&byte| byte != 0) {
            Some(at) => Err(ContainerError::Padding {
                at: from + at as u64,
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::pack;
    use super::*;
    use crate::blob::ALIGNMENT;
    use crate::container::{BlockName, TRAILER_BYTES};
    use proptest::prelude::*;

    fn blocks(lengths: &[usize]) -> Vec<(String, Bytes)> {
        let fill = |(at, &length): (usize, &usize)| {
            let bytes = (0..length)
                .map(|i| (i * 31 + at) as u8 | 1)
                .collect::<Vec<_>>();
            (format!("block {at}"), Bytes::from(bytes))
        };
        lengths.iter().enumerate().map(fill).collect()
    }

    fn file(lengths: &[usize]) -> Bytes {
        pack(&blocks(lengths)).unwrap().to_aligned()
    }

    proptest! {
        #[test]
        fn blocks_come_back_aligned(lengths in prop::collection::vec(0_usize..300, 0..8)) {
            let container = Container::open(file(&lengths)).unwrap();
            container.verify().unwrap();
            prop_assert_eq!(container.directory().checksum(), crc32c::crc32c(&file(&lengths)));
            for (name, bytes) in blocks(&lengths) {
                let found = container.block(&name).unwrap();
                prop_assert_eq!(&found, &bytes);
                prop_assert!(bytes.is_empty() || found.as_ptr().addr().is_multiple_of(ALIGNMENT));
            }
        }

        #[test]
        fn any_changed_byte_is_found_and_none_makes_it_panic(
            lengths in prop::collection::vec(0_usize..300, 0..4),
            at: prop::sample::Index, flip in 1_u8..,
        ) {
            let whole = file(&lengths);
            let at = at.index(whole.len());
            let mut changed = whole.to_vec();
            changed[at] ^= flip;
            let opened = Container::open(changed.into());
            prop_assert!(opened.and_then(|container| container.verify()).is_err());
            prop_assert!(Container::open(whole.slice(..at)).is_err());
        }

        #[test]
        fn arbitrary_directories_never_panic(
            mut directory in prop::collection::vec(any::<u8>(), 0..80), start in 0_u64..70,
        ) {
            // A valid trailer around nonsense, so that parsing is reached.
            let length = directory.len() as u32;
            let mut crc = crc32c::crc32c(&directory);
            for field in [&start.to_le_bytes()[..], &length.to_le_bytes(), &1_u32.to_le_bytes()] {
                crc = crc32c::crc32c_append(crc, field);
            }
            let mut bytes = vec![0; start as usize];
            bytes.append(&mut directory);
            bytes.extend_from_slice(&start.to_le_bytes());
            for field in [length, crc, 1, 0] {
                bytes.extend_from_slice(&field.to_le_bytes());
            }
            bytes.extend_from_slice(b"SKPART\r\n");
            let _ = Container::open(bytes.into()).and_then(|container| container.verify());
        }
    }

    #[test]
    fn large_blocks_are_verified_late_and_small_ones_at_once() {
        let large = EAGER_BYTES_MAX as usize + 1;
        let mut bytes = file(&[100, large]).to_vec();
        bytes[200] ^= 1;
        let container = Container::open(bytes.clone().into()).unwrap();
        assert!(container.block_unverified("block 1").is_ok());
        let damaged = ContainerError::Block {
            name: "block 1".into(),
        };
        assert_eq!(container.block("block 1"), Err(damaged.clone()));
        assert_eq!(container.verify(), Err(damaged));
        bytes[200] ^= 1;
        bytes[99] ^= 1;
        assert!(Container::open(bytes.into()).is_err());
    }

    #[test]
    fn one_tail_read_opens_and_a_short_one_says_what_it_needs() {
        let whole = file(&[1000, 10]);
        let size = whole.len() as u64;
        let short = &whole[whole.len() - TRAILER_BYTES - 1..];
        let Ok(TailRead::NeedTail(need)) = Directory::from_tail(short, size) else {
            panic!("a directory of two blocks does not fit in one byte");
        };
        let tail = &whole[whole.len() - need as usize..];
        let Ok(TailRead::Done(directory)) = Directory::from_tail(tail, size) else {
            panic!("the tail is as long as was asked for");
        };
        let info = directory.block("block 1").unwrap();
        assert_eq!((info.offset, info.length), (1024, 10));
        info.check(&whole[1024..1034]).unwrap();
        assert!(info.check(&whole[1023..1033]).is_err());
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut bytes = file(&[3]).to_vec();
        let at = bytes.len() - 16;
        bytes[at] = 2;
        assert_eq!(
            Container::open(bytes.into()).unwrap_err(),
            ContainerError::Version { found: 2 }
        );
    }

    #[test]
    fn bad_names_are_refused() {
        let twice = [("a".into(), Bytes::new()), ("a".into(), Bytes::new())];
        assert_eq!(pack(&twice).unwrap_err(), BlockName::Repeated("a".into()));
        assert!(pack(&[("x".repeat(1025), Bytes::new())]).is_err());
    }
}
