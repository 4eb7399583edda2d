//! What a search of one segment chooses among.

use filter::Compiled;
use index::{Allowed, Scored};
use rows::{BitSet, RowId};

use crate::segment::LiveSegment;
use crate::vectors::Vectors;

/// The rows of a segment that may be returned, before any filter.
pub(crate) enum Candidates<'a> {
    All,
    These(&'a BitSet),
    Both(BitSet),
}

impl<'a> Candidates<'a> {
    pub(crate) fn new(live: &'a LiveSegment, vectors: &'a Vectors) -> Self {
        let rows = live.segment.block.len();
        match (live.deleted.rows().is_empty(), &vectors.present) {
            (true, None) => Self::All,
            (true, Some(present)) => Self::These(present),
            (false, None) => Self::These(live.deleted.live_bits(rows)),
            (false, Some(present)) => {
                let mut both = live.deleted.live_bits(rows).clone();
                both.intersect_with(present);
                Self::Both(both)
            }
        }
    }

    /// Those of `rows`.
    pub(crate) fn among(&self, rows: &BitSet) -> Self {
        let mut both = rows.clone();
        if let Some(bits) = self.bits() {
            both.intersect_with(bits);
        }
        Self::Both(both)
    }

    pub(crate) fn bits(&self) -> Option<&BitSet> {
        match self {
            Self::All => None,
            Self::These(bits) => Some(bits),
            Self::Both(bits) => Some(bits),
        }
    }

    pub(crate) fn count(&self, vectors: &Vectors) -> usize {
        self.bits().map_or(vectors.rows(), BitSet::count)
    }

    /// Calls `search` with the candidates that match.
    pub(crate) fn allow(
        &self,
        compiled: Option<&Compiled<'_>>,
        search: impl FnOnce(Allowed<'_>) -> Vec<Scored>,
    ) -> Vec<Scored> {
        match (self.bits(), compiled) {
            (None, None) => search(Allowed::All),
            (Some(bits), None) => search(Allowed::Set(bits)),
            (bits, Some(compiled)) => {
                let passes = |row: RowId| {
                    bits.is_none_or(|bits| bits.contains(row)) && compiled.matches(row)
                };
                search(Allowed::Test(&passes))
            }
        }
    }
}
