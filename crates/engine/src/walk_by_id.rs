//! The points of a collection in ascending order of their ids.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use filter::{Compiled, compile};
use model::{Filter, PointId};
use rows::{RowId, RowSet};

use crate::collection::{Collection, Place};
use crate::ids::IdRef;
use crate::segment::LiveSegment;
use crate::source::Source;

/// When a filter is expected to leave fewer than one in so many rows, its rows are listed first:
/// testing row after row would pass over too many.
const LISTED_SHARE: u64 = 16;

/// The rows of one segment from some row on, and which of them count.
struct Run<'a> {
    live: &'a LiveSegment,
    next: u32,
    kept: Kept<'a>,
}

/// Which live rows count.
enum Kept<'a> {
    All,
    /// Those that match, tested when reached.
    Matching(Compiled<'a>),
    /// These.
    Listed(RowSet),
}

impl<'a> Run<'a> {
    fn new(
        live: &'a LiveSegment,
        filter: Option<&'a Filter>,
        source: &'a Source<'a>,
        from: Option<&PointId>,
    ) -> Self {
        let kept = match filter.map(|filter| compile(filter, source)) {
            None => Kept::All,
            Some(compiled) => {
                let rows = u64::from(live.segment.block.len());
                if compiled.estimate().expected * LISTED_SHARE < rows {
                    Kept::Listed(compiled.rows(Some(&live.live())))
                } else {
                    Kept::Matching(compiled)
                }
            }
        };
        let next = from.map_or(0, |id| live.segment.block.ids.lower_bound(id.into()));
        Self { live, next, kept }
    }

    fn counts(&self, row: RowId) -> bool {
        match &self.kept {
            Kept::All => self.live.is_live(row),
            Kept::Matching(compiled) => self.live.is_live(row) && compiled.matches(row),
            Kept::Listed(rows) => rows.contains(row),
        }
    }

    fn advance(&mut self) -> Option<RowId> {
        while self.next < self.live.segment.block.len() {
            let row = RowId(self.next);
            self.next += 1;
            if self.counts(row) {
                return Some(row);
            }
        }
        None
    }

    fn id(&self, row: RowId) -> IdRef<'a> {
        self.live.segment.block.ids.get(row)
    }
}

impl Collection {
    /// At most `count` points that match, after the first `skip` of them, ascending by id and
    /// beginning at `from` (inclusive).
    pub(crate) fn by_id(
        &self,
        filter: Option<&Filter>,
        from: Option<&PointId>,
        skip: usize,
        count: usize,
    ) -> Vec<Place> {
        let sources = self.sources();
        let mut runs: Vec<Run<'_>> = self
            .segments()
            .zip(&sources)
            .map(|(live, source)| Run::new(live, filter, source, from))
            .collect();
        let mut heads = BinaryHeap::new();
        for (at, run) in runs.iter_mut().enumerate() {
            if let Some(row) = run.advance() {
                heads.push(Reverse((run.id(row), at, row)));
            }
        }
        let mut skipped = 0;
        let mut found = Vec::new();
        while found.len() < count {
            let Some(Reverse((_, at, row))) = heads.pop() else {
                break;
            };
            if skipped < skip {
                skipped += 1;
            } else {
                found.push(Place { segment: at, row });
            }
            if let Some(next) = runs[at].advance() {
                heads.push(Reverse((runs[at].id(next), at, next)));
            }
        }
        found
    }
}
