//! Checking the blocks that opening a collection leaves unread.
//!
//! Rows stay in the file and are touched for the few results of a search, so opening does not read
//! them. Their checksums are verified by reads of their own, some MiB at a time: a mapped file
//! would keep in memory every page that a check touches.

use std::sync::{Arc, Weak};

use model::Error;
use storage::collect::part_key;
use storage::container::{BlockInfo, BlockSum};
use storage::{Access, BlobKey, BlobStore, GetOptions, Slice};

use super::Live;
use super::part_file::PartSet;

/// So much is checked before the first answer: about 50 ms from a disk cache. Beyond that a start
/// would take as long as the data is large, so the check runs beside the first searches.
const BEFORE_OPEN_BYTES_MAX: u64 = 256 << 20;

/// Bytes of one read.
const READ_BYTES: u64 = 4 << 20;

/// Whether all of `parts` is to be checked before the collection answers.
pub(super) fn is_first(parts: &PartSet) -> bool {
    parts
        .values()
        .flat_map(|file| file.unread())
        .map(|block| block.length)
        .sum::<u64>()
        <= BEFORE_OPEN_BYTES_MAX
}

/// Checks every block of `parts` that opening has not read.
///
/// # Errors
/// `Corrupt` naming the first damaged block; those of the store.
pub(super) async fn scrub(
    store: &dyn BlobStore,
    prefix: &BlobKey,
    parts: &PartSet,
) -> Result<(), Error> {
    for file in parts.values() {
        for block in file.unread() {
            check(store, &part_key(prefix, file.id)?, block).await?;
        }
    }
    Ok(())
}

/// Checks the parts of `live` in the background; damage makes it refuse every request from then on.
pub(super) fn spawn(live: &Arc<Live>, parts: Arc<PartSet>) {
    let weak: Weak<Live> = Arc::downgrade(live);
    let (store, prefix) = (Arc::clone(&live.shared.store), live.prefix.clone());
    live.shared.host.spawn(Box::pin(async move {
        let found = scrub(&*store, &prefix, &parts).await;
        if let (Err(error), Some(live)) = (found, weak.upgrade()) {
            live.damaged(error);
        }
    }));
}

async fn check(store: &dyn BlobStore, key: &BlobKey, block: &BlockInfo) -> Result<(), Error> {
    let mut sum = BlockSum::new(block);
    let end = block.offset + block.length;
    let mut offset = block.offset;
    while offset < end {
        let length = READ_BYTES.min(end - offset);
        let slice = Slice::Range { offset, length };
        let read = GetOptions {
            slice,
            access: Access::Resident,
        };
        sum.add(&store.get(key, read).await?.bytes);
        offset += length;
    }
    sum.finish().map_err(|damage| {
        Error::corrupt(format!(
            "`{key}` is corrupt: {damage}; restore it from a snapshot"
        ))
    })
}
