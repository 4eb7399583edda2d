//! The door to searches: what they find, with what is selected of it.

use std::sync::{Mutex, PoisonError};

use index::Scratch;
use model::{Error, ScoredPoint, Search};

use crate::collection::Collection;
use crate::plan::PlanSwitches;

/// Working memory of searches, reused from one to the next. One pool serves all collections and
/// threads.
#[derive(Debug, Default)]
pub struct ScratchPool(Mutex<Vec<Scratch>>);

impl ScratchPool {
    /// An empty pool; it grows to as many as there are searches at the same time.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = taken.unwrap_or_default();
        let result = work(&mut scratch);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(scratch);
        result
    }
}

impl Collection {
    /// The best points for `search`, best first; equal scores by ascending id.
    ///
    /// Points that are inputs are looked up here, in the field that is compared or in the one that
    /// `lookup_from` names, whatever collection it names: see [`Collection::resolve`].
    ///
    /// # Errors
    /// - `Invalid` when a vector does not fit its field, a field does not exist, no payload index
    ///   gives the order asked for, a fusion, a formula or a bound lacks what it needs, a payload
    ///   lacks a variable, or prefetches are nested too deep.
    /// - `NotFound` when the query names a missing point or one without the vector.
    /// - `Corrupt` when a stored payload is malformed.
    pub fn search(
        &self,
        search: &Search,
        scratch: &ScratchPool,
    ) -> Result<Vec<ScoredPoint>, Error> {
        self.search_with(search, scratch, PlanSwitches::default())
    }

    /// As [`Collection::search`], with plans switched off: the answers must not depend on it.
    ///
    /// # Errors
    /// As [`Collection::search`].
    pub fn search_with(
        &self,
        search: &Search,
        scratch: &ScratchPool,
        switches: PlanSwitches,
    ) -> Result<Vec<ScoredPoint>, Error> {
        self.check_select(&search.select)?;
        let hits = self.hits(search, scratch, switches)?;
        let scored = hits.into_iter().map(|hit| {
            let record = self.record(hit.place, &search.select)?;
            Ok(ScoredPoint {
                record,
                score: hit.score,
                order_value: hit.order_value,
            })
        });
        scored.collect()
    }
}
