//! From checkpoint and log to a state.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use engine::Collection;
use futures::future::try_join_all;
use model::{Error, Schema, WriteOp};
use storage::BlobKey;
use storage::codec::{self, CollectionState};
use storage::log::{Entry, EntryKind, Log, LogError, Recovery, Replay};

use super::content::Content;
use super::follow::Follower;
use super::garbage::Kept;
use super::part_file::PartSet;
use super::parts::{self, Places};
use super::ranges::Ranges;
use super::upkeep::{self, Upkeep};
use super::{Live, manifest, scrub};
use crate::catalog::Registered;
use crate::journal::{Journal, State, View};
use crate::pages;
use crate::shared::{Shared, collection_prefix};

/// Opens a collection: newest valid checkpoint, then the log after it.
///
/// A damaged log entry leaves the collection readable at the state before it, and read-only.
///
/// # Errors
/// Those of the store. `Corrupt` when no checkpoint reaches the log, or a part file that the
/// checkpoint names is missing or damaged.
pub(crate) async fn open(
    shared: &Arc<Shared>,
    registered: &Registered,
) -> Result<Arc<Live>, Error> {
    let started_us = shared.host.monotonic_us();
    let prefix = collection_prefix(registered.id);
    let none = PartSet::new();
    let mut recovered = recover(shared, registered, &prefix, None, &none).await?;
    let schema = recovered.content.collection.schema();
    if shared.store.maps() && Places::of(shared, schema) != recovered.places {
        // Settings have changed since the checkpoint, by which its files were opened.
        let schema = Schema::clone(schema);
        recovered = recover(shared, registered, &prefix, Some(&schema), &none).await?;
    }
    let Recovered {
        replayed,
        kept,
        content,
        damage,
        replay,
        ..
    } = recovered;
    let position = *replay.position();
    let view = View {
        state: content,
        position,
    };
    let parts = Arc::clone(&view.state.parts);
    // What no file holds has come from afar and is whole in memory: it is not fetched again.
    let in_memory = !shared.store.maps();
    let check_first = in_memory || scrub::is_first(&parts);
    if in_memory {
        let mut files = parts.values();
        files.try_for_each(|file| file.verify())?;
    } else if check_first {
        scrub::scrub(&*shared.store, &prefix, &parts).await?;
    }
    let ms = shared.host.monotonic_us().saturating_sub(started_us) / 1000;
    tracing::info!(collection = %registered.name.name, replayed, ms, "opened");
    let live = assemble(shared, registered, view, kept, replay, damage);
    if !check_first {
        scrub::spawn(&live, parts);
    }
    upkeep::kick(&live);
    Ok(live)
}

/// A state that was recovered, and what it was recovered from.
pub(super) struct Recovered {
    pub(super) content: Content,
    /// Where its part files were opened to.
    places: Places,
    pub(super) damage: Option<Error>,
    pub(super) replay: Replay,
    /// Log entries after the checkpoint.
    replayed: u64,
    kept: Kept,
}

/// Recovers the state. Its files are opened to where `placed_by` says; `None`: the schema of the
/// checkpoint. Those that are in `known` are not opened again.
pub(super) async fn recover(
    shared: &Shared,
    registered: &Registered,
    prefix: &BlobKey,
    placed_by: Option<&Schema>,
    known: &PartSet,
) -> Result<Recovered, Error> {
    let recovery = Log::recover(Arc::clone(&shared.store), prefix.clone()).await?;
    for key in &recovery.passed_over {
        tracing::warn!(collection = %registered.name.name, %key, "a checkpoint is damaged");
    }
    let Recovery {
        checkpoint,
        mut replay,
        ..
    } = recovery;
    let mut kept = Kept::default();
    let (content, places) = match &checkpoint {
        None => {
            let content = empty(shared, registered)?;
            let places = Places::of(shared, content.collection.schema());
            (content, places)
        }
        Some(checkpoint) => {
            let payload = &checkpoint.payload;
            let (content, places) = restore(shared, registered, payload, placed_by, known).await?;
            kept.add(checkpoint.position, content.files());
            (content, places)
        }
    };
    let (content, damage) = replay_onto(content, &mut replay).await?;
    let checkpointed = checkpoint.map_or(0, |checkpoint| checkpoint.position.n);
    Ok(Recovered {
        content,
        places,
        damage,
        replayed: replay.position().n - checkpointed,
        replay,
        kept,
    })
}

fn assemble(
    shared: &Arc<Shared>,
    registered: &Registered,
    view: View<Content>,
    kept: Kept,
    replay: Replay,
    damage: Option<Error>,
) -> Arc<Live> {
    let host = Arc::clone(&shared.host);
    let upkeep = Upkeep::new(kept, &view.state.files());
    let follower = shared.options.read_only.then(|| {
        let registered = registered.clone();
        Follower::new(registered, &replay, &view.state)
    });
    Arc::new_cyclic(|live: &std::sync::Weak<Live>| {
        let live = live.clone();
        let journal = match damage {
            Some(reason) => Journal::open_read_only(host, view, reason),
            None if shared.options.read_only => Journal::open_reader(host, view),
            None => Journal::open(
                host,
                view,
                replay.into_log(),
                Box::new(move |cause| {
                    if let Some(live) = live.upgrade() {
                        live.published(cause);
                    }
                }),
            ),
        };
        Live {
            name: ArcSwap::from_pointee(registered.name.name.clone()),
            id: registered.id,
            shared: Arc::clone(shared),
            prefix: collection_prefix(registered.id),
            journal,
            upkeep,
            follower,
            damage: OnceLock::new(),
        }
    })
}

fn empty(shared: &Shared, registered: &Registered) -> Result<Content, Error> {
    let collection = Collection::create(Schema::clone(&registered.schema))?;
    Ok(Content {
        collection,
        parts: Arc::default(),
        seal_bytes: shared.options.policy.seal_bytes,
    })
}

/// Opens every part that `state` names below the prefix of `registered`, as opening the collection
/// will.
///
/// # Errors
/// Those of the store; `Corrupt`, `Invalid` when it could not be opened.
pub(crate) async fn check(
    shared: &Shared,
    registered: &Registered,
    payload: &[u8],
) -> Result<(), Error> {
    restore(shared, registered, payload, None, &PartSet::new())
        .await
        .map(|_| ())
}

/// The state that a checkpoint holds, its part files opened side by side, and where to.
async fn restore(
    shared: &Shared,
    registered: &Registered,
    payload: &[u8],
    placed_by: Option<&Schema>,
    known: &PartSet,
) -> Result<(Content, Places), Error> {
    let state: CollectionState = codec::from_bytes(payload)?;
    let prefix = collection_prefix(registered.id);
    let places = Places::of(shared, placed_by.unwrap_or(&state.schema));
    let (prefix, placed) = (&prefix, &places);
    let paging = shared.options.paging.filter(|_| !shared.store.maps());
    let schema = &state.schema;
    let files = state.segments.iter().flat_map(|segment| {
        let ranges = paging.map(|paging| Ranges::of(shared, prefix, paging, segment, schema));
        let ranges = Arc::new(ranges);
        segment.parts.iter().map(move |part| {
            let ranges = Arc::clone(&ranges);
            async move {
                if let Some(file) = known.get(&part.id) {
                    return Ok(Arc::clone(file));
                }
                let kind = manifest::kind(&part.role);
                match &*ranges {
                    Some(ranges) => ranges.read(part, &kind).await.map(Arc::new),
                    None => parts::read(&*shared.store, prefix, part.id, &kind, placed).await,
                }
            }
        })
    });
    let files = try_join_all(files).await?;
    let parts: PartSet = files.into_iter().map(|file| (file.id, file)).collect();
    let collection = manifest::restore(state, &parts)?;
    let content = Content {
        collection,
        parts: Arc::new(parts),
        seal_bytes: shared.options.policy.seal_bytes,
    };
    Ok((content, places))
}

/// Applies the rest of the log. Gives the last good state and, if the log is damaged, how.
pub(super) async fn replay_onto(
    mut content: Content,
    replay: &mut Replay,
) -> Result<(Content, Option<Error>), Error> {
    loop {
        let entry = match replay.next().await {
            Ok(None) => return Ok((content, None)),
            Ok(Some(entry)) => entry,
            Err(damage @ LogError::Damaged(_)) => return Ok((content, Some(damage.into()))),
            Err(error) => return Err(error.into()),
        };
        match pages::complete_at_any_cost(|| apply(&content, &entry)).await {
            Ok(next) => content = next,
            // The bytes are what was written, and still it cannot be done again: a defect, or a
            // newer Skerry. Stopping here loses nothing that was not lost already.
            Err(error) => {
                let message = format!("log entry {} cannot be applied: {error}", entry.n);
                return Ok((content, Some(Error::corrupt(message))));
            }
        }
    }
}

fn apply(content: &Content, entry: &Entry) -> Result<Content, Error> {
    match entry.kind {
        EntryKind::Segments | EntryKind::Checkpoint => return Ok(content.clone()),
        EntryKind::Operations => {}
    }
    let decode = |item| codec::from_bytes::<WriteOp>(item).map_err(Error::from);
    let operations = entry
        .items
        .iter()
        .map(|item| decode(item))
        .collect::<Result<Vec<_>, _>>()?;
    content.apply(&operations).map(|(next, _)| next)
}
