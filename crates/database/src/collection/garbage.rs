//! Which objects nobody needs any more.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Weak};

use model::Error;
use storage::Ulid;
use storage::collect::{collect_log, collect_parts};
use storage::log::Position;

use super::Live;
use super::part_file::PartSet;
use super::parts;

/// The files of one state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// Those of segments.
    pub(crate) parts: BTreeSet<Ulid>,
    /// Those of attachments.
    pub(crate) attached: BTreeSet<Ulid>,
}

impl Files {
    fn name(&self, id: Ulid) -> bool {
        self.parts.contains(&id) || self.attached.contains(&id)
    }
}

/// The newest checkpoints and the files that they name, oldest first.
#[derive(Default)]
pub(crate) struct Kept(VecDeque<(Position, Files)>);

impl Kept {
    /// A checkpoint was written, or found at the start.
    pub(crate) fn add(&mut self, position: Position, files: Files) {
        self.0.push_back((position, files));
    }

    /// Forgets all but the newest `count`.
    pub(crate) fn truncate(&mut self, count: usize) {
        while self.0.len() > count.max(1) {
            self.0.pop_front();
        }
    }

    /// Number of the last entry that the newest checkpoint covers.
    pub(crate) fn newest(&self) -> u64 {
        self.0.back().map_or(0, |(position, _)| position.n)
    }

    /// Whether the newest checkpoint names exactly `parts`.
    pub(crate) fn names(&self, parts: &PartSet) -> bool {
        match self.0.back() {
            Some((_, named)) => named.parts.iter().eq(parts.keys()),
            None => parts.is_empty(),
        }
    }

    /// Whether the newest checkpoint names an attachment that `current` has not: one more
    /// checkpoint is a step towards its end.
    pub(crate) fn names_detached(&self, current: &Files) -> bool {
        self.0
            .back()
            .is_some_and(|(_, named)| !named.attached.is_subset(&current.attached))
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn name(&self, id: Ulid) -> bool {
        self.0.iter().any(|(_, named)| named.name(id))
    }

    fn newest_names(&self, id: Ulid) -> bool {
        self.0.back().is_some_and(|(_, named)| named.name(id))
    }

    fn files(&self) -> impl Iterator<Item = Ulid> {
        let all = self.0.iter();
        all.flat_map(|(_, named)| named.parts.iter().chain(&named.attached))
            .copied()
    }
}

/// Part files that this process knows, and who may still need them.
pub(crate) struct Inventory {
    known: BTreeSet<Ulid>,
    /// The sets of views that were replaced; alive while a reader holds one.
    replaced: Vec<Weak<PartSet>>,
}

impl Inventory {
    /// The files of the state that was found, and those of the checkpoints.
    pub(crate) fn new(found: &Files, kept: &Kept) -> Self {
        let found = found.parts.iter().chain(&found.attached).copied();
        Self {
            known: found.chain(kept.files()).collect(),
            replaced: Vec::new(),
        }
    }

    /// These files may be there.
    pub(crate) fn learn(&mut self, files: impl IntoIterator<Item = Ulid>) {
        self.known.extend(files);
    }

    /// A view with other part files takes the place of one with `old`.
    pub(crate) fn replace(&mut self, old: &Arc<PartSet>) {
        self.replaced.push(Arc::downgrade(old));
        self.replaced.retain(|set| set.strong_count() > 0);
    }

    /// Files that neither `current`, nor a checkpoint, nor a reader needs.
    pub(crate) fn garbage(&self, current: &Files, kept: &Kept) -> Vec<Ulid> {
        let pinned: Vec<Arc<PartSet>> = self.replaced.iter().filter_map(Weak::upgrade).collect();
        let needed = |id: &Ulid| {
            current.name(*id) || kept.name(*id) || pinned.iter().any(|set| set.contains_key(id))
        };
        self.known
            .iter()
            .copied()
            .filter(|id| !needed(id))
            .collect()
    }

    /// Whether files that `current` has replaced are held back by older checkpoints alone: one
    /// more checkpoint sets them free.
    pub(crate) fn is_held_back(&self, current: &Files, kept: &Kept) -> bool {
        self.known
            .iter()
            .any(|id| !current.name(*id) && kept.name(*id) && !kept.newest_names(*id))
    }

    /// The file is gone.
    pub(crate) fn forget(&mut self, id: Ulid) {
        self.known.remove(&id);
    }

    /// Whether this process may still need the file.
    pub(crate) fn knows(&self, id: Ulid) -> bool {
        self.known.contains(&id)
    }
}

/// Removes what nobody needs. What fails is tried again after the next checkpoint.
pub(super) async fn collect(live: &Live) {
    match try_collect(live).await {
        Ok(0) => {}
        Ok(removed) => {
            live.upkeep.lock().stats.removed += removed;
            tracing::debug!(collection = %live.name(), removed, "removed old objects");
        }
        Err(error) => {
            tracing::warn!(collection = %live.name(), %error, "old objects were not removed");
        }
    }
}

async fn try_collect(live: &Live) -> Result<u64, Error> {
    let (store, prefix) = (&*live.shared.store, &live.prefix);
    let options = &live.shared.options;
    let collected = collect_log(store, prefix, options.checkpoints_kept).await?;
    let mut removed = collected.entries + collected.checkpoints;
    let garbage = {
        let state = live.upkeep.lock();
        let unneeded = state
            .inventory
            .garbage(&live.content().state.files(), &state.kept);
        let pinned = |id: &Ulid| live.shared.pins.has(live.id, *id);
        unneeded
            .into_iter()
            .filter(|id| !pinned(id))
            .collect::<Vec<_>>()
    };
    for id in garbage {
        parts::remove(store, prefix, id).await?;
        live.upkeep.lock().inventory.forget(id);
        removed += 1;
    }
    Ok(removed + sweep(live).await?)
}

/// Removes files that a dead process left, once. Not before every checkpoint that may be fallen
/// back on is one whose files this process knows.
async fn sweep(live: &Live) -> Result<u64, Error> {
    let options = &live.shared.options;
    {
        let mut state = live.upkeep.lock();
        if state.swept || state.kept.len() < options.checkpoints_kept {
            return Ok(0);
        }
        state.swept = true;
    }
    // Jobs that run have named their files less than the grace ago.
    let known = |id| live.upkeep.lock().inventory.knows(id) || live.shared.pins.has(live.id, id);
    let (store, now_ms) = (&*live.shared.store, live.shared.host.unix_ms());
    let swept = collect_parts(store, &live.prefix, known, now_ms, options.orphan_grace_ms).await?;
    Ok(swept.parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> Ulid {
        Ulid::from_bytes([n; 16])
    }

    fn at(n: u64) -> Position {
        Position {
            n,
            ..Position::ORIGIN
        }
    }

    /// Sets of files without the files: ids are all that is looked at.
    fn ids(ids: &[u8]) -> Files {
        Files {
            parts: ids.iter().copied().map(id).collect(),
            ..Files::default()
        }
    }

    #[test]
    fn only_the_newest_checkpoints_count() {
        let mut kept = Kept::default();
        assert!(
            kept.names(&PartSet::new()),
            "no checkpoint: nothing differs from nothing"
        );
        kept.add(at(3), ids(&[1]));
        kept.add(at(5), ids(&[2]));
        kept.add(at(9), ids(&[2]));
        assert!(kept.name(id(1)));
        kept.truncate(2);
        assert_eq!((kept.newest(), kept.len()), (9, 2));
        assert!(!kept.name(id(1)));
        assert!(!kept.names(&PartSet::new()));
    }

    #[test]
    fn a_file_is_garbage_when_no_checkpoint_and_no_reader_needs_it() {
        let reader: Arc<PartSet> = Arc::default();
        let mut inventory = Inventory::new(&Files::default(), &Kept::default());
        inventory.replace(&reader);
        inventory.learn([id(1), id(2)]);
        let mut kept = Kept::default();
        kept.add(at(1), ids(&[1]));
        kept.add(at(2), ids(&[2]));
        let current = Files::default();
        assert!(inventory.garbage(&current, &kept).is_empty());
        assert!(
            inventory.is_held_back(&current, &kept),
            "file 1 waits for the older checkpoint"
        );
        kept.add(at(3), ids(&[]));
        kept.truncate(2);
        assert_eq!(inventory.garbage(&current, &kept), [id(1)]);
        inventory.forget(id(1));
        assert!(!inventory.knows(id(1)));
        assert!(inventory.garbage(&current, &kept).is_empty());
    }

    #[test]
    fn attachments_stay_while_a_checkpoint_names_them() {
        let with = |attached: &[u8]| Files {
            attached: ids(attached).parts,
            ..Files::default()
        };
        let mut kept = Kept::default();
        kept.add(at(1), with(&[1, 2]));
        let current = with(&[2]);
        let inventory = Inventory::new(&current, &kept);
        assert!(inventory.knows(id(1)), "the checkpoint names it");
        assert!(kept.names(&PartSet::new()), "they are no parts of segments");
        assert!(kept.names_detached(&current));
        assert!(!kept.names_detached(&with(&[1, 2, 3])));
        assert!(inventory.garbage(&current, &kept).is_empty());
        kept.add(at(2), current.clone());
        assert!(!kept.names_detached(&current));
        assert!(inventory.is_held_back(&current, &kept));
        kept.add(at(3), current.clone());
        kept.truncate(2);
        assert_eq!(inventory.garbage(&current, &kept), [id(1)]);
    }
}
