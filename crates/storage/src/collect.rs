//! Garbage: log entries and checkpoints that no recovery needs, parts that nothing names.

use crate::blob::{BlobStore, ListOptions};
use crate::blob_error::BlobError;
use crate::checkpoint;
use crate::key::{BlobKey, KeyError};
use crate::log::{Boundary, LOG};
use crate::ulid::Ulid;

/// Folder of a shard's immutable parts: `{prefix}/seg/{ulid}`.
const PARTS: &str = "seg";

/// Key of the part `id` of the shard at `prefix`.
///
/// # Errors
/// When the prefix leaves no room for it.
pub fn part_key(prefix: &BlobKey, id: Ulid) -> Result<BlobKey, KeyError> {
    prefix.join(&format!("{PARTS}/{id}"))
}

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Log entries.
    pub entries: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Parts.
    pub parts: u64,
}

/// Removes the log entries and checkpoints that lie before the last `keep` valid checkpoints.
///
/// Keep two at least: if the newest proves unreadable, recovery falls back to the one before and
/// the log after that. With fewer than `keep` valid checkpoints nothing is removed. Safe beside
/// running writers, sleeping writers and other collectors, and safe to interrupt: the boundary is
/// durable before the first deletion.
///
/// # Errors
/// Those of the store; a later call finishes the work.
pub async fn collect_log(
    store: &dyn BlobStore,
    prefix: &BlobKey,
    keep: usize,
) -> Result<Collected, BlobError> {
    let mut collected = Collected::default();
    let Some(floor) = oldest_kept(store, prefix, keep).await? else {
        return Ok(collected);
    };
    let mut boundary = Boundary::find(store, prefix).await?;
    boundary.raise(store, prefix, floor + 1).await?;
    for key in checkpoint::numbers(store, prefix).await? {
        if key.number().is_some_and(|n| n < floor) {
            store.delete(&key).await?;
            collected.checkpoints += 1;
        }
    }
    let folder = prefix.folder(LOG);
    let entries = store
        .list(ListOptions {
            prefix: &folder,
            ..ListOptions::default()
        })
        .await?;
    for meta in entries {
        if meta.key.number().is_some_and(|n| n <= floor) {
            store.delete(&meta.key).await?;
            collected.entries += 1;
        }
    }
    Ok(collected)
}

/// Number of the `keep`-th newest valid checkpoint.
async fn oldest_kept(
    store: &dyn BlobStore,
    prefix: &BlobKey,
    keep: usize,
) -> Result<Option<u64>, BlobError> {
    let mut valid = 0;
    for key in checkpoint::numbers(store, prefix).await?.into_iter().rev() {
        if let Some(checkpoint) = checkpoint::read(store, &key).await? {
            valid += 1;
            if valid >= keep.max(1) {
                return Ok(Some(checkpoint.position.n));
            }
        }
    }
    Ok(None)
}

/// Removes parts that `is_live` denies and that were named more than `grace_ms` before `now_ms`
/// (milliseconds since 1970).
///
/// Live is every part that a kept checkpoint names, that an entry after the oldest kept checkpoint
/// adds or removes, that a reader still uses, or that is being built. The grace covers parts that
/// another process has written and not yet committed: it must be longer than any build takes.
///
/// # Errors
/// Those of the store; a later call finishes the work.
pub async fn collect_parts(
    store: &dyn BlobStore,
    prefix: &BlobKey,
    is_live: impl Fn(Ulid) -> bool + Send,
    now_ms: u64,
    grace_ms: u64,
) -> Result<Collected, BlobError> {
    let mut collected = Collected::default();
    let folder = prefix.folder(PARTS);
    let parts = store
        .list(ListOptions {
            prefix: &folder,
            ..ListOptions::default()
        })
        .await?;
    for meta in parts {
        // A name that is no ULID is not ours to remove.
        let Some(id) = Ulid::parse(meta.key.last_segment()) else {
            continue;
        };
        let age_ms = now_ms.saturating_sub(id.unix_ms());
        if age_ms > grace_ms && !is_live(id) {
            store.delete(&meta.key).await?;
            collected.parts += 1;
        }
    }
    Ok(collected)
}
