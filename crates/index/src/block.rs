//! The rows of one dense vector field of one segment, as a matrix of components.

use std::borrow::Cow;

use bytes::Bytes;
use half::f16;
use model::{Element, Metric};
use rows::RowId;

use crate::aligned::{AlignedBytes, viewable};
use crate::open_error::OpenError;
use crate::similarity::{Similarity, normalises_late};

/// An immutable row-major matrix: row `r` is the vector of `RowId(r)`.
///
/// Rows hold vectors as the metric wants them stored: cosine rows are already normalised, but for
/// those of bytes and those of [`DenseBlock::compared_by`]. A row without a vector has a place too
/// (of any content) and must be left out through [`crate::Allowed`]. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct DenseBlock {
    bytes: Bytes,
    dim: usize,
    metric: Metric,
    element: Element,
    /// Whether rows are stored as they came although the metric compares directions.
    late: bool,
}

/// What codes of a block have in common with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockShape {
    /// Rows.
    pub(crate) len: usize,
    /// Components of a row.
    pub(crate) dim: usize,
    /// How rows are compared.
    pub(crate) metric: Metric,
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
        Self::of(Element::F32, bytes, dim, metric)
    }

    /// Views `bytes` (little-endian, row-major, no padding) as rows of `dim` components.
    ///
    /// # Errors
    /// As [`DenseBlock::new`].
    pub fn of(
        element: Element,
        bytes: Bytes,
        dim: usize,
        metric: Metric,
    ) -> Result<Self, model::Error> {
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
        if !bytes.len().is_multiple_of(dim * element.bytes()) {
            return Err(OpenError::Length {
                what: "vectors",
                bytes: bytes.len(),
            }
            .into());
        }
        let bytes = match element {
            Element::F32 => viewable(bytes)?,
            Element::F16 | Element::U8 => bytes,
        };
        Ok(Self {
            bytes,
            dim,
            metric,
            element,
            late: normalises_late(metric, element),
        })
    }

    /// The same rows, compared by another metric than they were stored for; nothing is copied.
    ///
    /// # Errors
    /// `Invalid` when the metric compares bits.
    pub fn compared_by(&self, metric: Metric) -> Result<Self, model::Error> {
        let mut other = Self::of(self.element, self.bytes.clone(), self.dim, metric)?;
        other.late = metric == Metric::Cosine && (self.late || self.metric != Metric::Cosine);
        Ok(other)
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
        self.bytes.len() / self.row_bytes()
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

    /// The similarity of a vector and a row. Where rows are normalised late, both may have any
    /// length.
    pub(crate) fn similarity(&self) -> Similarity {
        let similarity = match self.late {
            true => Similarity::of_unprepared(self.metric),
            false => Similarity::for_metric(self.metric),
        };
        similarity.expect("a block refuses metrics on bits")
    }

    /// `vector` as codes of the rows are compared with: normalised where the rows are normalised
    /// late.
    pub(crate) fn aimed<'v>(&self, vector: &'v [f32]) -> Cow<'v, [f32]> {
        if !self.late {
            return Cow::Borrowed(vector);
        }
        let mut direction = vector.to_vec();
        kernels::float::normalize(&mut direction);
        Cow::Owned(direction)
    }

    pub(crate) fn shape(&self) -> BlockShape {
        BlockShape {
            len: self.len(),
            dim: self.dim,
            metric: self.metric,
        }
    }

    /// How components are stored.
    #[must_use]
    pub fn element(&self) -> Element {
        self.element
    }

    fn row_bytes(&self) -> usize {
        self.dim * self.element.bytes()
    }

    /// The whole matrix, row-major; `None` when components are not stored as `f32`.
    #[must_use]
    pub fn floats(&self) -> Option<&[f32]> {
        (self.element == Element::F32).then(|| bytemuck::cast_slice(&self.bytes))
    }

    /// The whole matrix of a block that is its own [`DenseBlock::widened`].
    ///
    /// # Panics
    /// When components are not stored as `f32`.
    pub(crate) fn matrix(&self) -> &[f32] {
        self.floats().expect("codes are made of widened rows")
    }

    /// The vector of `row` as it is stored, little-endian.
    ///
    /// # Panics
    /// When the block has no such row.
    #[must_use]
    pub fn stored(&self, row: RowId) -> &[u8] {
        &self.bytes[row.index() * self.row_bytes()..][..self.row_bytes()]
    }

    /// The vector of `row`, read into `scratch` unless it is stored as `f32`.
    ///
    /// # Panics
    /// When the block has no such row.
    #[inline]
    #[must_use]
    pub fn row<'a>(&'a self, row: RowId, scratch: &'a mut Vec<f32>) -> &'a [f32] {
        let stored = self.stored(row);
        if self.element == Element::F32 {
            return bytemuck::cast_slice(stored);
        }
        scratch.clear();
        self.decode(stored, scratch);
        scratch
    }

    fn decode(&self, stored: &[u8], into: &mut Vec<f32>) {
        match self.element {
            Element::F32 => into.extend_from_slice(bytemuck::cast_slice(stored)),
            Element::F16 => {
                let (halves, _) = stored.as_chunks::<2>();
                into.extend(halves.iter().map(|&half| f16::from_le_bytes(half).to_f32()));
            }
            Element::U8 => into.extend(stored.iter().map(|&byte| f32::from(byte))),
        }
    }

    /// The rows as codes are made of them: `f32`, normalised for cosine. The very block when it
    /// is stored so.
    pub(crate) fn widened(&self) -> Cow<'_, Self> {
        if self.element == Element::F32 && !self.late {
            return Cow::Borrowed(self);
        }
        let mut rows = Vec::with_capacity(self.len() * self.dim);
        self.decode(&self.bytes, &mut rows);
        if self.late {
            for row in rows.chunks_exact_mut(self.dim) {
                kernels::float::normalize(row);
            }
        }
        let wide = Self::from_rows(&rows, self.dim, self.metric);
        Cow::Owned(wide.expect("the block was accepted with this metric"))
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
        assert_eq!(block.row(RowId(1), &mut Vec::new()), [3.0, 4.0]);
        let again = DenseBlock::new(block.bytes().clone(), 4, Metric::Dot).unwrap();
        assert_eq!(again.bytes().as_ptr(), block.bytes().as_ptr());
    }

    #[test]
    fn narrow_components_are_widened() {
        let halves = [0x00, 0x3c, 0x01, 0xc0];
        let block = DenseBlock::of(
            Element::F16,
            Bytes::copy_from_slice(&halves),
            2,
            Metric::Dot,
        );
        let halves = block.unwrap();
        assert_eq!(halves.row(RowId(0), &mut Vec::new()), [1.0, -2.001_953_1]);
        let bytes = Bytes::from_static(&[3, 4, 0, 0]);
        let block = DenseBlock::of(Element::U8, bytes, 2, Metric::Cosine).unwrap();
        assert_eq!((block.len(), block.floats()), (2, None));
        assert_eq!(block.row(RowId(0), &mut Vec::new()), [3.0, 4.0]);
        assert_eq!(block.widened().matrix(), [0.6, 0.8, 0.0, 0.0]);
        let cosine = block.similarity();
        assert_eq!(cosine.between(&[3.0, 4.0], &[6.0, 8.0]), 1.0);
        assert_eq!(cosine.between(&[3.0, 4.0], &[0.0, 0.0]), 0.0);
    }

    #[test]
    fn rows_are_compared_by_another_metric_in_place() {
        let block = DenseBlock::from_rows(&[3.0, 4.0, 0.0, 0.0], 2, Metric::L2).unwrap();
        let by = |metric| block.compared_by(metric).unwrap();
        assert_eq!(by(Metric::Dot).bytes().as_ptr(), block.bytes().as_ptr());
        let cosine = by(Metric::Cosine);
        assert_eq!(cosine.row(RowId(0), &mut Vec::new()), [3.0, 4.0]);
        assert_eq!(cosine.widened().matrix(), [0.6, 0.8, 0.0, 0.0]);
        assert_eq!(cosine.similarity().between(&[6.0, 8.0], &[3.0, 4.0]), 1.0);
        assert_eq!(*cosine.aimed(&[6.0, 8.0]), [0.6, 0.8]);
        let again = cosine.compared_by(Metric::Cosine).unwrap();
        assert_eq!(again.widened().matrix(), [0.6, 0.8, 0.0, 0.0]);
        let raw = cosine.compared_by(Metric::L2).unwrap();
        assert_eq!(raw.similarity().between(&[3.0, 3.0], &[3.0, 4.0]), -1.0);
        assert_eq!(
            block.compared_by(Metric::Hamming).unwrap_err().kind,
            ErrorKind::Invalid
        );
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
