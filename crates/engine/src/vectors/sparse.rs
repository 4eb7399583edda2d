//! Sparse vectors: indices and values of all points one after the other.

use bytes::Bytes;
use rows::RowId;

use super::span;
use crate::array::Array;

/// Indices ascend strictly within each point; a point without any may carry an empty vector.
#[derive(Clone, Debug)]
pub(crate) struct SparseRows {
    indices: Array<u32>,
    values: Array<f32>,
    /// Where those of each point end.
    ends: Array<u64>,
}

impl SparseRows {
    /// `None` when the arrays contradict each other.
    pub(crate) fn open(indices: Bytes, values: Bytes, ends: Bytes) -> Option<Self> {
        let (indices, values) = (Array::<u32>::open(indices)?, Array::<f32>::open(values)?);
        let ends = Array::<u64>::open(ends)?;
        let entries = indices.as_slice().len();
        let last = ends.as_slice().last().copied().unwrap_or(0);
        let whole = entries == values.as_slice().len()
            && ends.as_slice().is_sorted()
            && last == entries as u64;
        whole.then_some(Self {
            indices,
            values,
            ends,
        })
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.ends.as_slice().len()
    }

    pub(crate) fn indices(&self) -> &Array<u32> {
        &self.indices
    }

    pub(crate) fn values(&self) -> &Array<f32> {
        &self.values
    }

    pub(crate) fn ends(&self) -> &Array<u64> {
        &self.ends
    }

    pub(crate) fn bytes_len(&self) -> usize {
        self.indices.bytes().len() + self.values.bytes().len() + self.ends.bytes().len()
    }

    /// Indices and values of `row`.
    pub(crate) fn row(&self, row: RowId) -> (&[u32], &[f32]) {
        let span = span(self.ends.as_slice(), row);
        (
            &self.indices.as_slice()[span.clone()],
            &self.values.as_slice()[span],
        )
    }
}
