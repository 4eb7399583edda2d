//! The rows of one dense vector field of one segment, as a matrix of `f32`.

use bytes::Bytes;
use model::Metric;
use rows::RowId;

use crate::aligned::{AlignedBytes, viewable};
use crate::open_error::OpenError;

/// An immutable row-major matrix of `f32`: row `r` is the vector of `RowId(r)`.
///
/// Rows hold vectors as the metric wants them stored: cosine rows are already normalised. A row
/// without a vector has a place too (of any content) and must be left out through
/// [`crate::Allowed`]. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct DenseBlock {
    bytes: Bytes,
    dim: usize,
    metric: Metric,
}

impl DenseBlock {
    /// Views `bytes` (little-endian `f32`, row-major, no padding) as rows of `dim` components.
    ///
    /// Nothing is copied when the bytes are aligned for `f32` on a little-endian processor.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are not a whole number of rows; `Invalid` when `dim` is zero or the
    /// metric does not compare `f32` vectors.
    pub fn new(bytes: Bytes, dim: usize, metric: Metric) -> Result<Self, model::Error> {
        if metric.is_binary() {
            return Err(model::Error::invalid(
                "a binary metric needs bit-packed vectors",
            ));
        }
        if dim == 0 {
            return Err(model::Error::invalid(
                "a dense vector has at least one component",
            ));
        }
        if !bytes.len().is_multiple_of(dim * size_of::<f32>()) {
            return Err(OpenError::Length {
                what: "vectors",
                bytes: bytes.len(),
            }
            .into());
        }
        Ok(Self {
            bytes: viewable(bytes)?,
            dim,
            metric,
        })
    }

    /// Copies `rows` (row-major) into a new block.
    ///
    /// # Errors
    /// As [`DenseBlock::new`].
    pub fn from_rows(rows: &[f32], dim: usize, metric: Metric) -> Result<Self, model::Error> {
        let mut bytes = AlignedBytes::zeroed(size_of_val(rows));
        for (place, component) in bytes.chunks_exact_mut(size_of::<f32>()).zip(rows) {
            place.copy_from_slice(&component.to_le_bytes());
        }
        Self::new(bytes.into_bytes(), dim, metric)
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / (self.dim * size_of::<f32>())
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Number of components of a row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How rows are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The whole matrix, row-major.
    #[must_use]
    pub fn matrix(&self) -> &[f32] {
        bytemuck::cast_slice(&self.bytes)
    }

    /// The vector of `row`.
    ///
    /// # Panics
    /// When the block has no such row.
    #[must_use]
    pub fn row(&self, row: RowId) -> &[f32] {
        &self.matrix()[row.index() * self.dim..][..self.dim]
    }

    /// The bytes behind the block.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use model::ErrorKind;

    use super::*;

    #[test]
    fn rows_are_views_of_the_matrix() {
        let block = DenseBlock::from_rows(&[1.0, 2.0, 3.0, 4.0], 2, Metric::Dot).unwrap();
        assert_eq!(block.len(), 2);
        assert_eq!(block.row(RowId(1)), [3.0, 4.0]);
        let again = DenseBlock::new(block.bytes().clone(), 4, Metric::Dot).unwrap();
        assert_eq!(again.matrix().as_ptr(), block.matrix().as_ptr());
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let bytes = Bytes::from_static(&[0; 12]);
        let kind = |dim, metric| {
            DenseBlock::new(bytes.clone(), dim, metric)
                .unwrap_err()
                .kind
        };
        assert_eq!(kind(2, Metric::Dot), ErrorKind::Corrupt);
        assert_eq!(kind(0, Metric::Dot), ErrorKind::Invalid);
        assert_eq!(kind(3, Metric::Hamming), ErrorKind::Invalid);
    }
}
