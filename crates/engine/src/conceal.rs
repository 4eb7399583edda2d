//! Points that are concealed: kept, and seen by no read that does not ask for them.

use model::{Error, PointId, Record, Select};
use rows::{RowId, RowSet};

use crate::collection::{Collection, Place};
use crate::ids::IdRef;
use crate::segment::LiveSegment;

impl Collection {
    /// The state in which these points are concealed.
    pub(crate) fn concealed(&self, ids: &[PointId]) -> Self {
        self.changed(ids, |hidden, rows| {
            hidden.iter().chain(rows.iter().copied()).collect()
        })
    }

    /// The state in which these points are not concealed.
    pub(crate) fn revealed_again(&self, ids: &[PointId]) -> Self {
        self.changed(ids, |hidden, rows| {
            hidden.iter().filter(|row| !rows.contains(row)).collect()
        })
    }

    /// The state with other concealed rows: `change` gets those of a segment and, ascending, which
    /// of its rows the ids are.
    fn changed(&self, ids: &[PointId], change: impl Fn(&RowSet, &[RowId]) -> RowSet) -> Self {
        let places = ids.iter().filter_map(|id| self.locate_kept(id.into()));
        let mut places: Vec<Place> = places.collect();
        places.sort_unstable();
        places.dedup();
        let mut new = self.clone();
        new.operation += 1;
        let sealed = new.sealed.len();
        for run in places.chunk_by(|a, b| a.segment == b.segment) {
            let rows: Vec<RowId> = run.iter().map(|place| place.row).collect();
            let at = run[0].segment;
            let live = match at.checked_sub(sealed) {
                None => &mut new.sealed[at],
                Some(at) => &mut new.growing[at],
            };
            *live = live.concealing(change(live.deleted.concealed(), &rows));
        }
        new
    }

    /// The same state with nothing concealed, for queries that see everything.
    pub fn unveiled(&self) -> Self {
        let mut new = self.clone();
        for live in new.sealed.iter_mut().chain(&mut new.growing) {
            if !live.deleted.concealed().is_empty() {
                *live = live.concealing(RowSet::default());
            }
        }
        new
    }

    /// Ids of the concealed points, ascending.
    pub fn concealed_ids(&self) -> Vec<PointId> {
        let here = |live: &LiveSegment| -> Vec<PointId> {
            let rows = live.deleted.concealed().iter();
            rows.map(|row| live.segment.block.ids.get(row).into())
                .collect()
        };
        let mut ids: Vec<PointId> = self.segments().flat_map(here).collect();
        ids.sort_unstable();
        ids
    }

    /// The last `limit` points with ids below `before`, descending by id.
    ///
    /// # Errors
    /// `Corrupt` when a stored payload is malformed; `Invalid` when `select` names no field.
    pub fn last(
        &self,
        before: Option<&PointId>,
        limit: usize,
        select: &Select,
    ) -> Result<Vec<Record>, Error> {
        self.check_select(select)?;
        let mut found: Vec<(IdRef<'_>, Place)> = Vec::new();
        for (segment, live) in self.segments().enumerate() {
            let ids = &live.segment.block.ids;
            let end = match before {
                Some(id) => ids.lower_bound(id.into()),
                None => live.segment.block.len(),
            };
            let rows = (0..end).rev().map(RowId);
            let rows = rows.filter(|&row| live.is_live(row)).take(limit);
            found.extend(rows.map(|row| (ids.get(row), Place { segment, row })));
        }
        found.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        found.truncate(limit);
        let records = found
            .into_iter()
            .map(|(_, place)| self.record(place, select));
        records.collect()
    }
}
