//! Vectors of bits: one packed row per row of the block.

use bytes::Bytes;
use index::BitSimilarity;
use model::{Dim, Metric};
use rows::RowId;

/// Rows of whole bytes, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct BitRows {
    bytes: Bytes,
    row_bytes: usize,
    similarity: BitSimilarity,
}

impl BitRows {
    /// `None` when the bytes are not whole rows or the metric is not one of bits.
    pub(crate) fn open(bytes: Bytes, dim: Dim, metric: Metric) -> Option<Self> {
        let row_bytes = dim.bit_bytes();
        let similarity = BitSimilarity::for_metric(metric)?;
        bytes.len().is_multiple_of(row_bytes).then_some(Self {
            bytes,
            row_bytes,
            similarity,
        })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() / self.row_bytes
    }

    /// Bytes of one row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// All rows.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How rows are compared.
    pub(crate) fn similarity(&self) -> BitSimilarity {
        self.similarity
    }

    /// The packed bits of `row`.
    pub(crate) fn row(&self, row: RowId) -> &[u8] {
        &self.bytes[row.index() * self.row_bytes..][..self.row_bytes]
    }
}
