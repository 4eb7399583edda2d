//! One store brought to the state of another, by copying the objects that it lacks.
//!
//! What is copied is what opening the database would read: of every log the newest checkpoint and
//! the entries after it, the parts that the checkpoint names, the files of attachments, and what
//! kept snapshots consist of.
//! Objects are immutable, so one that is there is never copied again, and a copy that broke off
//! goes on where it was.
//!
//! The order makes the destination a database at every moment: parts before the checkpoint that
//! names them, all of a collection before the catalog that names the collection, and the list of
//! objects at the very end. Whoever opens it meanwhile finds an earlier state of each collection
//! or the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use model::{Error, ErrorKind, Subject, WriteOp};
use storage::codec::{self, CollectionState};
use storage::collect::part_key;
use storage::container::Container;
use storage::log::{EntryKind, Log, LogError, Recovery};
use storage::needed::{self, Needed, OBJECT_LIST, decode_list, encode_list};
use storage::{
    Access, BlobErrorKind, BlobKey, BlobMeta, BlobStore, BlobStoreExt, GetOptions, ListOptions,
    PutIf, Slice, Ulid, attached, snapshot,
};

use crate::catalog::Catalog;
use crate::database::replay_onto;
use crate::shared::{catalog_prefix, collection_prefix};

/// Objects on their way at the same time.
const AT_ONCE: usize = 8;

/// How often the source may remove what was about to be copied.
const ATTEMPTS_MAX: usize = 5;

/// How far a copy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncProgress {
    /// Objects that the state consists of.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that have been copied.
    pub copied_objects: u64,
    /// Bytes that have been copied.
    pub copied_bytes: u64,
    /// Objects that were there before.
    pub present_objects: u64,
    /// Bytes that were there before.
    pub present_bytes: u64,
}

/// Brings `to` to the state of `from`.
///
/// The source may be written meanwhile: what is acknowledged before the call is copied, what
/// comes later may be. The destination must not be: it is somebody's copy, or empty.
///
/// # Errors
/// `Conflict` when the destination has changes that the source has not; nothing was written.
/// `Corrupt` when the source is damaged; damaged parts are not copied. Those of the stores: what
/// was copied stays, and the next call goes on.
pub async fn sync(
    from: Arc<dyn BlobStore>,
    to: Arc<dyn BlobStore>,
    watch: &(dyn Fn(SyncProgress) + Sync),
) -> Result<SyncProgress, Error> {
    for _ in 1..ATTEMPTS_MAX {
        match attempt(&from, &to, watch).await {
            // Collected between the moment when it was found and the moment when it was read.
            Err(error) if error.kind == ErrorKind::NotFound => {}
            other => return other,
        }
    }
    attempt(&from, &to, watch).await
}

/// Writes the list of the objects that the state of `store` consists of, for readers that cannot
/// list. It must not be written meanwhile.
///
/// # Errors
/// `Corrupt`; those of the store.
pub async fn list_objects(store: Arc<dyn BlobStore>) -> Result<(), Error> {
    let survey = survey(&store).await?;
    put_list(&*store, &survey).await
}

async fn put_list(to: &dyn BlobStore, survey: &Survey) -> Result<(), Error> {
    let list = encode_list(survey.steps.iter().flatten());
    let key = BlobKey::new(OBJECT_LIST).expect("the name is a key");
    to.put(&key, list.into(), PutIf::Overwrite).await?;
    to.sync().await.map_err(Error::from)
}

async fn attempt(
    from: &Arc<dyn BlobStore>,
    to: &Arc<dyn BlobStore>,
    watch: &(dyn Fn(SyncProgress) + Sync),
) -> Result<SyncProgress, Error> {
    let source = survey(from).await?;
    let listed = to.list(ListOptions::default()).await?;
    let present: BTreeMap<BlobKey, u64> = listed
        .into_iter()
        .map(|meta| (meta.key, meta.size))
        .collect();
    refuse_other_history(&**from, &**to, &source, &present).await?;
    let mut progress = SyncProgress::default();
    let mut missing: Vec<Vec<BlobMeta>> = Vec::new();
    for step in &source.steps {
        let mut lacking = Vec::new();
        for meta in step {
            progress.objects += 1;
            progress.bytes += meta.size;
            if present.get(&meta.key) == Some(&meta.size) {
                progress.present_objects += 1;
                progress.present_bytes += meta.size;
            } else {
                lacking.push(meta.clone());
            }
        }
        missing.push(lacking);
    }
    watch(progress);
    for step in missing {
        let mut copies =
            stream::iter(step.into_iter().map(|meta| copy(from, to, meta))).buffered(AT_ONCE);
        while let Some(bytes) = copies.try_next().await? {
            progress.copied_objects += 1;
            progress.copied_bytes += bytes;
            watch(progress);
        }
    }
    put_list(&**to, &source).await?;
    Ok(progress)
}

/// The state of a store as objects.
struct Survey {
    /// Objects in steps: all of one step are durable before the next begins.
    steps: Vec<Vec<BlobMeta>>,
    /// Of every log its prefix and what it has.
    logs: Vec<(BlobKey, Needed)>,
}

async fn survey(from: &Arc<dyn BlobStore>) -> Result<Survey, Error> {
    let catalog_needs = needed::needed(&**from, &catalog_prefix()).await?;
    let catalog = newest_catalog(from).await?;
    let mut survey = Survey {
        steps: Vec::new(),
        logs: Vec::new(),
    };
    let mut parts = BTreeSet::new();
    for entry in catalog.snapshots() {
        for (owner, pinned) in &entry.pins {
            parts.extend(pinned.iter().map(|part| (*owner, *part)));
        }
        let prefix = format!("{}/", snapshot::prefix(entry.id)?);
        let options = ListOptions {
            prefix: &prefix,
            ..ListOptions::default()
        };
        survey.steps.push(from.list(options).await?);
    }
    let mut logs = Vec::new();
    for known in catalog.collections() {
        let prefix = collection_prefix(known.id);
        let needs = needed::needed(&**from, &prefix).await?;
        if let Some(checkpoint) = &needs.checkpoint {
            let state: CollectionState = codec::from_bytes(&checkpoint.payload)?;
            parts.extend(state.part_ids().map(|part| (known.id, part)));
        }
        let attached = attached_since(from, &prefix).await?;
        parts.extend(attached.into_iter().map(|file| (known.id, file)));
        logs.push((prefix, needs));
    }
    survey.steps.push(sized(&**from, parts).await?);
    for (prefix, needs) in logs {
        survey.add_log(prefix, needs);
    }
    survey.add_log(catalog_prefix(), catalog_needs);
    Ok(survey)
}

/// The files of attachments that the entries after the newest checkpoint name, and still name at
/// their end.
async fn attached_since(
    from: &Arc<dyn BlobStore>,
    prefix: &BlobKey,
) -> Result<BTreeSet<Ulid>, Error> {
    let mut named = BTreeMap::new();
    let Recovery { mut replay, .. } = Log::recover(Arc::clone(from), prefix.clone()).await?;
    loop {
        let entry = match replay.next().await {
            // Whoever opens the copy stops at the damage too.
            Ok(None) | Err(LogError::Damaged(_)) => break,
            Ok(Some(entry)) => entry,
            Err(error) => return Err(error.into()),
        };
        if entry.kind != EntryKind::Operations {
            continue;
        }
        for item in &entry.items {
            let operation: WriteOp = codec::from_bytes(item)?;
            if let WriteOp::Attach { key, attachment } = operation {
                named.insert(key, attached::file(&attachment));
            } else if let WriteOp::Detach { key } = operation {
                named.remove(&key);
            }
        }
    }
    Ok(named.into_values().collect())
}

impl Survey {
    /// Each object a step of its own: an entry counts only after those before it.
    fn add_log(&mut self, prefix: BlobKey, needs: Needed) {
        let objects = needs.objects.iter();
        self.steps.extend(objects.map(|meta| vec![meta.clone()]));
        self.logs.push((prefix, needs));
    }
}

async fn newest_catalog(from: &Arc<dyn BlobStore>) -> Result<Catalog, Error> {
    let recovery = Log::recover(Arc::clone(from), catalog_prefix()).await?;
    let Recovery {
        checkpoint,
        mut replay,
        ..
    } = recovery;
    let state = match &checkpoint {
        Some(checkpoint) => Catalog::decode(&checkpoint.payload)?,
        None => Catalog::default(),
    };
    let (catalog, damage) = replay_onto(state, &mut replay).await?;
    damage.map_or(Ok(catalog), Err)
}

async fn sized(
    from: &dyn BlobStore,
    parts: BTreeSet<(Ulid, Ulid)>,
) -> Result<Vec<BlobMeta>, Error> {
    let measure = |(owner, part): (Ulid, Ulid)| async move {
        let key = part_key(&collection_prefix(owner), part)?;
        let size = from.size(&key).await?;
        Ok::<_, Error>(BlobMeta { key, size })
    };
    let measured = stream::iter(parts.into_iter().map(measure));
    measured.buffered(AT_ONCE).try_collect().await
}

/// Every entry of the destination must have come from the source, or be older than what both
/// have: it is in the list of an earlier copy, or the source has it too, or both have the same
/// checkpoint after it.
async fn refuse_other_history(
    from: &dyn BlobStore,
    to: &dyn BlobStore,
    source: &Survey,
    present: &BTreeMap<BlobKey, u64>,
) -> Result<(), Error> {
    let list = BlobKey::new(OBJECT_LIST).expect("the name is a key");
    let copied: BTreeSet<BlobKey> = match to.get_if_present(&list).await? {
        Some(bytes) => decode_list(&bytes)?
            .into_iter()
            .map(|meta| meta.key)
            .collect(),
        None => BTreeSet::new(),
    };
    let mut histories: BTreeMap<&str, History<'_>> = BTreeMap::new();
    for (prefix, needs) in &source.logs {
        let mut shared = 0;
        for key in needs.checkpoints.iter().rev() {
            if present.contains_key(key) && is_same(from, to, key).await? {
                shared = number(key);
                break;
            }
        }
        let entries = needs.entries.iter().collect();
        histories.insert(prefix.as_str(), History { entries, shared });
    }
    for key in present.keys() {
        let Some((prefix, _)) = key.as_str().split_once("/log/") else {
            continue;
        };
        let history = histories.get(prefix);
        if history.is_some_and(|history| number(key) <= history.shared) {
            continue;
        }
        let here = history.is_some_and(|history| history.entries.contains(key));
        if copied.contains(key) && !here {
            // It has been collected at the source since it was copied.
            continue;
        }
        if here && is_same(from, to, key).await? {
            continue;
        }
        let message = format!(
            "the destination has changes that the source has not (`{key}`); copy them the other \
             way first, or copy to an empty place"
        );
        return Err(Error::new(ErrorKind::Conflict, Subject::Storage, message));
    }
    Ok(())
}

/// What the source has of one log.
struct History<'a> {
    entries: BTreeSet<&'a BlobKey>,
    /// The last entry that both are known to share, by a checkpoint that both have.
    shared: u64,
}

/// The number at the end of the key of an entry or a checkpoint.
fn number(key: &BlobKey) -> u64 {
    key.last_segment().parse().unwrap_or(u64::MAX)
}

async fn is_same(from: &dyn BlobStore, to: &dyn BlobStore, key: &BlobKey) -> Result<bool, Error> {
    Ok(from.get_all(key).await? == to.get_all(key).await?)
}

/// Copies one object and gives its length.
async fn copy(
    from: &Arc<dyn BlobStore>,
    to: &Arc<dyn BlobStore>,
    meta: BlobMeta,
) -> Result<u64, Error> {
    let key = &meta.key;
    let options = GetOptions {
        slice: Slice::All,
        access: Access::Mapped,
    };
    let bytes = from.get(key, options).await?.bytes;
    let length = bytes.len() as u64;
    if key.as_str().contains("/seg/") {
        let sound = Container::open(bytes.clone()).and_then(|file| file.verify());
        sound.map_err(|damage| Error::corrupt(format!("`{key}` is corrupt: {damage}")))?;
    }
    match to.put(key, bytes.clone().into(), PutIf::Absent).await {
        // A put that was answered late, or an object that was cut short when it was written.
        Err(error) if error.kind() == BlobErrorKind::Conflict => {
            if to.get_all(key).await? != bytes {
                let message = format!("the destination has another `{key}`");
                return Err(Error::new(ErrorKind::Conflict, Subject::Storage, message));
            }
        }
        other => other?,
    }
    Ok(length)
}
