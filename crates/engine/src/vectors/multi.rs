//! Several rows per point, and their comparison.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use index::{DenseBlock, Similarity};
use model::MultiVector;
use rows::RowId;

use super::span;
use crate::array::Array;

/// The rows of all points one after the other; a point without any carries no vector.
#[derive(Clone, Debug)]
pub(crate) struct MultiRows {
    all: DenseBlock,
    /// Where the rows of each point end in `all`.
    ends: Array<u64>,
}

impl MultiRows {
    /// `None` when the ends do not divide the rows.
    pub(crate) fn open(all: DenseBlock, ends: Bytes) -> Option<Self> {
        let ends = Array::<u64>::open(ends)?;
        let last = ends.as_slice().last().copied().unwrap_or(0);
        let whole = ends.as_slice().is_sorted() && last == all.len() as u64;
        whole.then_some(Self { all, ends })
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.ends.as_slice().len()
    }

    /// Components of each row.
    pub(crate) fn dim(&self) -> usize {
        self.all.dim()
    }

    /// The rows of all points.
    pub(crate) fn rows(&self) -> &DenseBlock {
        &self.all
    }

    /// Where the rows of each point end.
    pub(crate) fn ends(&self) -> &Array<u64> {
        &self.ends
    }

    pub(crate) fn bytes_len(&self) -> usize {
        self.all.bytes_len() + self.ends.bytes().len()
    }

    fn span(&self, row: RowId) -> Range<usize> {
        span(self.ends.as_slice(), row)
    }

    /// The rows of `row` as stored.
    pub(crate) fn stored(&self, row: RowId) -> Cow<'_, [u8]> {
        self.all.stored_rows(self.span(row))
    }

    /// The rows of `row`, row-major.
    pub(crate) fn floats(&self, row: RowId) -> Vec<f32> {
        let mut scratch = Vec::new();
        let span = self.span(row);
        let mut floats = Vec::with_capacity(span.len() * self.dim());
        for at in span {
            floats.extend_from_slice(self.all.row(RowId(at as u32), &mut scratch));
        }
        floats
    }

    /// The sum over the rows of `query` of the best similarity to a row of `row`. `best` and
    /// `scratch` are working memory.
    pub(crate) fn max_sim(
        &self,
        query: &MultiVector,
        row: RowId,
        similarity: Similarity,
        best: &mut Vec<f32>,
        scratch: &mut Vec<f32>,
    ) -> f32 {
        best.clear();
        best.resize(query.rows().len(), f32::NEG_INFINITY);
        for at in self.span(row) {
            let stored = self.all.row(RowId(at as u32), scratch);
            for (best, wanted) in best.iter_mut().zip(query.rows()) {
                *best = best.max(similarity.between(wanted, stored));
            }
        }
        best.iter().sum()
    }
}
