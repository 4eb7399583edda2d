//! Points by id, and counting.

use std::collections::BTreeSet;

use filter::compile;
use model::{Error, Filter, PointId, Record, Select};

use crate::collection::Collection;
use crate::segment::LiveSegment;
use crate::source::Source;

impl Collection {
    /// The points with these ids, in their order; unknown ids are left out, repeated ones answered
    /// once.
    ///
    /// # Errors
    /// `Corrupt` when a stored payload is malformed; `Invalid` when `select` names no field.
    pub fn retrieve(&self, ids: &[PointId], select: &Select) -> Result<Vec<Record>, Error> {
        self.check_select(select)?;
        let mut seen = BTreeSet::new();
        ids.iter()
            .filter(|id| seen.insert(*id))
            .filter_map(|id| self.locate(id.into()))
            .map(|place| self.record(place, select))
            .collect()
    }

    /// Number of points that match `filter`; when not `exact`, an estimate may be given.
    ///
    /// # Errors
    /// None today; like every query, it may come to refuse what it cannot answer.
    pub fn count(&self, filter: Option<&Filter>, exact: bool) -> Result<u64, Error> {
        let Some(filter) = filter else {
            return Ok(self.points());
        };
        let count = |live: &LiveSegment| {
            let source = Source::new(&live.segment, &self.schema);
            let compiled = compile(filter, &source);
            if exact {
                return compiled.rows(Some(&live.live())).len() as u64;
            }
            let rows = u64::from(live.segment.block.len()).max(1);
            compiled.estimate().expected * u64::from(live.live_rows()) / rows
        };
        Ok(self.segments().map(count).sum())
    }
}
