//! The frame of an archive: headers and padding of the tape archive format (POSIX ustar).

use bytes::Bytes;
use tar::{EntryType, Header};

/// Everything in a tape archive begins at a multiple of so many bytes.
pub(super) const BLOCK_BYTES: usize = 512;
/// Two blocks of zeros end an archive.
pub(super) const END_BYTES: usize = 2 * BLOCK_BYTES;
/// The name of the first entry, the manifest.
pub(super) const MANIFEST_NAME: &str = "skerry-snapshot";

static ZEROS: [u8; END_BYTES] = [0; END_BYTES];

/// The header of a file of `bytes` bytes called `name`, made at `unix_s`.
///
/// Sizes from 8 GiB on are written in the binary form that every reader of today knows.
pub(super) fn header(name: &str, bytes: u64, unix_s: u64) -> Bytes {
    let mut header = Header::new_ustar();
    header
        .set_path(name)
        .expect("keys are shorter than a name in a header and relative");
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(bytes);
    header.set_mtime(unix_s);
    header.set_cksum();
    Bytes::copy_from_slice(header.as_bytes())
}

/// Zeros from the end of a file of `bytes` bytes to the next block.
pub(super) fn padding(bytes: u64) -> Bytes {
    Bytes::from_static(&ZEROS[..padding_bytes(bytes)])
}

/// Length of [`padding`].
pub(super) fn padding_bytes(bytes: u64) -> usize {
    let over = (bytes % BLOCK_BYTES as u64) as usize;
    (BLOCK_BYTES - over) % BLOCK_BYTES
}

/// What ends an archive.
pub(super) fn end() -> Bytes {
    Bytes::from_static(&ZEROS)
}

/// Name and size of the file whose header `block` is; `None` when it is no sound header of a
/// plain file.
pub(super) fn parse(block: &[u8]) -> Option<(String, u64)> {
    let block: &[u8; BLOCK_BYTES] = block.try_into().ok()?;
    let header = Header::from_byte_slice(block);
    // The sum is taken over the header with spaces in the place of the sum.
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, &byte)| u32::from(if (148..156).contains(&at) { b' ' } else { byte }))
        .sum();
    if header.cksum().ok()? != sum || header.entry_type() != EntryType::Regular {
        return None;
    }
    header.as_ustar()?;
    let name = String::from_utf8(header.path_bytes().into_owned()).ok()?;
    Some((name, header.entry_size().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_of_every_size_come_back() {
        for bytes in [0, 1, 511, 512, 513, 8 << 30, u64::MAX >> 8] {
            let block = header("coll/a/seg/b", bytes, 1_700_000_000);
            assert_eq!(block.len(), BLOCK_BYTES);
            assert_eq!(parse(&block), Some(("coll/a/seg/b".into(), bytes)));
            assert_eq!((bytes + padding_bytes(bytes) as u64) % 512, 0);
        }
    }

    #[test]
    fn a_changed_header_is_none() {
        let block = header("a", 5, 0);
        for at in 0..BLOCK_BYTES {
            let mut changed = block.to_vec();
            changed[at] ^= 1;
            // The sum itself is written with leading zeros and an end that need not be looked at.
            if !(148..156).contains(&at) {
                assert_eq!(parse(&changed), None, "byte {at}");
            }
        }
        assert_eq!(parse(&[0; BLOCK_BYTES]), None);
        assert_eq!(parse(&block[..100]), None);
    }

    proptest! {
        #[test]
        fn arbitrary_blocks_never_panic(block in prop::collection::vec(any::<u8>(), 512)) {
            let _ = parse(&block);
        }
    }
}
