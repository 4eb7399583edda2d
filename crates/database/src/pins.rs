//! What must stay stored for another reason than that a collection is made of it.
//!
//! Kept snapshots pin parts: these pins follow from the catalog. While a snapshot is made, read or
//! brought back, the work *holds* parts, and the identities under which it reads and writes; a
//! held identity is not purged. Whoever takes a hold looks at the catalog afterwards, and whoever
//! purges looks at the holds after the catalog was changed, so one of the two sees the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use storage::Ulid;

/// A part and the collection under whose prefix it lies.
pub(crate) type Pinned = (Ulid, Ulid);

/// The pins of one database.
#[derive(Default)]
pub(crate) struct Pins(Mutex<State>);

#[derive(Default)]
struct State {
    /// For kept snapshots.
    kept: Arc<BTreeSet<Pinned>>,
    /// By how many holds.
    parts: BTreeMap<Pinned, usize>,
    identities: BTreeMap<Ulid, usize>,
}

impl Pins {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The catalog has changed.
    pub(crate) fn keep(&self, kept: BTreeSet<Pinned>) {
        self.lock().kept = Arc::new(kept);
    }

    /// Whether the part must stay stored.
    pub(crate) fn has(&self, owner: Ulid, part: Ulid) -> bool {
        let state = self.lock();
        state.kept.contains(&(owner, part)) || state.parts.contains_key(&(owner, part))
    }

    /// Whether work reads or writes under the identity.
    pub(crate) fn is_held(&self, identity: Ulid) -> bool {
        self.lock().identities.contains_key(&identity)
    }

    /// Holds an identity, and parts of it.
    pub(crate) fn hold(
        self: &Arc<Self>,
        identity: Ulid,
        parts: impl IntoIterator<Item = Ulid>,
    ) -> Hold {
        let parts: Vec<Pinned> = parts.into_iter().map(|part| (identity, part)).collect();
        let mut state = self.lock();
        *state.identities.entry(identity).or_default() += 1;
        for part in &parts {
            *state.parts.entry(*part).or_default() += 1;
        }
        drop(state);
        Hold {
            pins: Arc::clone(self),
            identity,
            parts,
        }
    }
}

/// An identity and parts that stay until this is dropped.
pub(crate) struct Hold {
    pins: Arc<Pins>,
    identity: Ulid,
    parts: Vec<Pinned>,
}

impl Hold {
    /// What is held.
    pub(crate) fn identity(&self) -> Ulid {
        self.identity
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.pins.lock();
        release(&mut state.identities, &self.identity);
        for part in &self.parts {
            release(&mut state.parts, part);
        }
    }
}

fn release<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> Ulid {
        Ulid::from_bytes([n; 16])
    }

    #[test]
    fn parts_stay_while_anyone_needs_them() {
        let pins = Arc::new(Pins::default());
        pins.keep([(id(1), id(7))].into());
        let first = pins.hold(id(1), [id(7), id(8)]);
        let second = pins.hold(id(1), [id(8)]);
        assert!(pins.has(id(1), id(7)) && pins.has(id(1), id(8)));
        assert!(!pins.has(id(2), id(8)), "parts belong to their collection");
        pins.keep(BTreeSet::new());
        assert!(pins.has(id(1), id(7)), "still held");
        drop(first);
        assert!(!pins.has(id(1), id(7)) && pins.has(id(1), id(8)));
        assert!(pins.is_held(id(1)));
        drop(second);
        assert!(!pins.is_held(id(1)) && !pins.has(id(1), id(8)));
    }
}
