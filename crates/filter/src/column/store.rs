//! Sorted values and their rows.
//!
//! Every store but that of texts is a list of (value, row) pairs sorted by value, then row, no pair
//! twice. A *position* is an index into that list, so that every set of neighbouring values is a
//! range of positions and `rows()[range]` are its rows.

use core::ops::Range;

use bytes::Bytes;
use text::Postings;

use super::array::Array;

/// The pairs of a column.
#[derive(Debug)]
pub(super) enum Store {
    /// Integers, numbers, truth values and dates, by [`super::key`]s.
    Keys { keys: Array<u64>, rows: Array<u32> },
    /// UUIDs as big-endian numbers.
    Uuids { keys: Array<u128>, rows: Array<u32> },
    /// Texts: each once.
    Terms(Terms),
    /// Places, by latitude.
    Places {
        lats: Array<f64>,
        lons: Array<f64>,
        rows: Array<u32>,
    },
    /// Tokens of texts; they have no positions.
    Text(Postings),
}

/// A sorted dictionary of texts, each with the rows that hold it, ascending.
#[derive(Debug)]
pub(super) struct Terms {
    /// All texts, one behind the other, ascending by bytes.
    pub(super) texts: Bytes,
    /// End of each text in `texts`.
    pub(super) text_ends: Array<u64>,
    /// End of each text's positions.
    pub(super) row_ends: Array<u32>,
    /// Rows of the first text, then of the second, …
    pub(super) rows: Array<u32>,
}

impl Store {
    /// Row of each position. In a damaged column a row may lie outside the source.
    pub(super) fn rows(&self) -> &[u32] {
        match self {
            Self::Keys { rows, .. }
            | Self::Uuids { rows, .. }
            | Self::Terms(Terms { rows, .. })
            | Self::Places { rows, .. } => rows.as_slice(),
            Self::Text(_) => &[],
        }
    }

    /// The positions in `range` that exist.
    pub(super) fn rows_at(&self, range: Range<usize>) -> &[u32] {
        self.rows().get(range).unwrap_or(&[])
    }
}

impl Terms {
    /// Number of texts.
    pub(super) fn len(&self) -> usize {
        self.text_ends.len()
    }

    /// The bytes of a text; empty where a damaged column has none.
    pub(super) fn text(&self, term: usize) -> &[u8] {
        let ends = self.text_ends.as_slice();
        let start = if term == 0 { 0 } else { ends[term - 1] };
        self.texts
            .get(start as usize..ends[term] as usize)
            .unwrap_or(&[])
    }

    /// Positions of the texts `terms`.
    pub(super) fn positions(&self, terms: Range<usize>) -> Range<usize> {
        let ends = self.row_ends.as_slice();
        let end_before = |term: usize| match term.checked_sub(1) {
            Some(before) => ends.get(before).copied().unwrap_or(0) as usize,
            None => 0,
        };
        end_before(terms.start)..end_before(terms.end)
    }

    /// First text for which `is_before` is false.
    pub(super) fn partition_point(&self, is_before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(self.text(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
