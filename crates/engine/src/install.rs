//! Putting the result of a job into the state as it is by then.
//!
//! A job worked on an older state. What was deleted or written again since must stay so: a row of
//! the new segment lives only if its point is still the very row that the job read, which the
//! version (the number of the operation that wrote it) tells.

use std::sync::Arc;

use model::Error;
use rows::{RowId, RowSet};

use crate::block::RowBlock;
use crate::collection::Collection;
use crate::part::{PartKind, SegmentId};
use crate::segment::{LiveSegment, Segment};

/// The opened result of a job, to be installed once or more; cheap to clone.
#[derive(Clone, Debug)]
pub struct Installed(pub(crate) Change);

/// What a job changes.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// All growing rows of an older state as a segment; `None` when none of them lived.
    Sealed(Option<Arc<Segment>>),
    /// The live rows of `sources` as one segment; `None` when none of them lived.
    Merged {
        segment: Option<Arc<Segment>>,
        sources: Vec<SegmentId>,
    },
    /// A segment with more parts, of these kinds.
    Extended {
        segment: Arc<Segment>,
        kinds: Vec<PartKind>,
    },
}

impl Collection {
    /// The state with the result of a job. Answers are the same before and after; only their
    /// speed and where rows lie differ.
    ///
    /// Installing into the very state that a seal was made from leaves no growing rows: that is
    /// the state of a checkpoint.
    ///
    /// # Errors
    /// `Internal` when a segment that the job worked on is no longer there.
    pub fn install(&self, done: &Installed) -> Result<Self, Error> {
        match &done.0 {
            Change::Sealed(segment) => self.install_sealed(segment.as_ref()),
            Change::Merged { segment, sources } => self.install_merged(segment.as_ref(), sources),
            Change::Extended { segment, kinds } => self.install_extended(segment, kinds),
        }
    }

    fn install_sealed(&self, segment: Option<&Arc<Segment>>) -> Result<Self, Error> {
        let mut new = self.clone();
        let Some(segment) = segment else {
            new.growing.retain(|live| live.kept_rows() > 0);
            return Ok(new);
        };
        let mut moved = Vec::new();
        let mut hidden = Vec::new();
        for live in &mut new.growing {
            let mut covered = Vec::new();
            for row in live.kept().iter() {
                if let Some(to) = same_row(&live.segment.block, row, &segment.block) {
                    covered.push(row);
                    moved.push(to);
                    if !live.is_live(row) {
                        hidden.push(to);
                    }
                }
            }
            if !covered.is_empty() {
                *live = live.without(covered);
            }
        }
        new.growing.retain(|live| live.kept_rows() > 0);
        let gone = moved
            .into_iter()
            .collect::<RowSet>()
            .complement(segment.block.len());
        let sealed = self.current(segment)?.without(gone.iter());
        new.sealed.push(concealing(sealed, hidden));
        Ok(new)
    }

    fn install_merged(
        &self,
        segment: Option<&Arc<Segment>>,
        sources: &[SegmentId],
    ) -> Result<Self, Error> {
        let mut new = self.clone();
        let mut gone = Vec::new();
        let mut hidden = Vec::new();
        for id in sources {
            let live = new.sealed.remove(self.sealed_position(&new, *id)?);
            let Some(segment) = segment else { continue };
            // Rows that were deleted before the job began are not in the segment, or there in a
            // later version from another source.
            let row_of = |row| same_row(&live.segment.block, row, &segment.block);
            gone.extend(live.deleted.gone().iter().filter_map(row_of));
            hidden.extend(live.deleted.concealed().iter().filter_map(row_of));
        }
        if let Some(segment) = segment {
            let merged = self.current(segment)?.without(gone);
            new.sealed.push(concealing(merged, hidden));
        }
        Ok(new)
    }

    fn install_extended(&self, segment: &Segment, kinds: &[PartKind]) -> Result<Self, Error> {
        let id = segment
            .id
            .ok_or_else(|| Error::internal("growing rows were extended"))?;
        let mut new = self.clone();
        let at = self.sealed_position(&new, id)?;
        let live = &mut new.sealed[at];
        // What was dropped since the job began is not adopted.
        let current = segment.under(&self.schema)?;
        let built = current.as_ref().unwrap_or(segment);
        *live = live.with_segment(live.segment.adopting(built, kinds, &self.schema));
        Ok(new)
    }

    /// `segment` under this state's schema: indexes and vector fields may have come and gone since
    /// it was made.
    fn current(&self, segment: &Arc<Segment>) -> Result<LiveSegment, Error> {
        Ok(LiveSegment {
            segment: segment
                .under(&self.schema)?
                .map_or(Arc::clone(segment), Arc::new),
            deleted: Arc::default(),
        })
    }

    fn sealed_position(&self, of: &Self, id: SegmentId) -> Result<usize, Error> {
        of.sealed
            .iter()
            .position(|live| live.segment.id == Some(id))
            .ok_or_else(|| Error::internal("a job worked on a segment that is gone"))
    }
}

/// `live` with these rows concealed.
fn concealing(live: LiveSegment, hidden: Vec<RowId>) -> LiveSegment {
    if hidden.is_empty() {
        return live;
    }
    live.concealing(hidden.into_iter().collect())
}

/// The row of `into` that is the very `row` of `from`: the same point in the same version.
fn same_row(from: &RowBlock, row: RowId, into: &RowBlock) -> Option<RowId> {
    let found = into.ids.find(from.ids.get(row))?;
    (into.version(found) == from.version(row)).then_some(found)
}
