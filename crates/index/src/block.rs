//! The rows of one dense vector field of one segment, as a matrix of components.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use half::f16;
use model::{Element, Metric};
use rows::RowId;

use crate::aligned::{AlignedBytes, viewable};
use crate::open_error::OpenError;
use crate::pages::Pages;
use crate::similarity::{Similarity, normalises_late};

/// An immutable row-major matrix: row `r` is the vector of `RowId(r)`.
///
/// Rows hold vectors as the metric wants them stored: cosine rows are already normalised, but for
/// those of bytes and those of [`DenseBlock::compared_by`]. A row without a vector has a place too
/// (of any content) and must be left out through [`crate::Allowed`]. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct DenseBlock {
    matrix: Matrix,
    dim: usize,
    metric: Metric,
    element: Element,
    /// Whether rows are stored as they came although the metric compares directions.
    late: bool,
}

/// The components of all rows, row-major, without padding.
#[derive(Clone, Debug)]
enum Matrix {
    Whole(Bytes),
    Paged(Arc<dyn Pages>),
}

impl Matrix {
    fn bytes_len(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Paged(pages) => pages.bytes_len(),
        }
    }

    fn read(&self, offset: usize, length: usize) -> Cow<'_, [u8]> {
        match self {
            Self::Whole(bytes) => Cow::Borrowed(&bytes[offset..][..length]),
            Self::Paged(pages) => {
                let mut read = vec![0; length];
                pages.read(offset, &mut read);
                Cow::Owned(read)
            }
        }
    }
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
        let bytes = match element {
            Element::F32 => viewable(bytes)?,
            Element::F16 | Element::U8 => bytes,
        };
        Self::over(Matrix::Whole(bytes), element, dim, metric)
    }

    /// As [`DenseBlock::of`], of rows that are read where they are asked for.
    ///
    /// # Errors
    /// As [`DenseBlock::new`].
    pub fn paged(
        element: Element,
        pages: Arc<dyn Pages>,
        dim: usize,
        metric: Metric,
    ) -> Result<Self, model::Error> {
        Self::over(Matrix::Paged(pages), element, dim, metric)
    }

    fn over(
        matrix: Matrix,
        element: Element,
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
        let bytes = matrix.bytes_len();
        if !bytes.is_multiple_of(dim * element.bytes()) {
            let what = "vectors";
            return Err(OpenError::Length { what, bytes }.into());
        }
        Ok(Self {
            matrix,
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
        let mut other = Self::over(self.matrix.clone(), self.element, self.dim, metric)?;
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
        self.bytes_len() / self.row_bytes()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes_len() == 0
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

    /// The whole matrix, row-major; `None` when components are not stored as `f32`, or not all
    /// in memory.
    #[must_use]
    pub fn floats(&self) -> Option<&[f32]> {
        match (&self.matrix, self.element) {
            (Matrix::Whole(bytes), Element::F32) => Some(bytemuck::cast_slice(bytes)),
            (Matrix::Whole(_) | Matrix::Paged(_), _) => None,
        }
    }

    /// The whole matrix of a block that is its own [`DenseBlock::widened`].
    ///
    /// # Panics
    /// When components are not stored as `f32`, or not all in memory.
    pub(crate) fn matrix(&self) -> &[f32] {
        self.floats().expect("codes are made of widened rows")
    }

    /// The vector of `row` as it is stored, little-endian.
    ///
    /// # Panics
    /// When the block has no such row.
    #[must_use]
    pub fn stored(&self, row: RowId) -> Cow<'_, [u8]> {
        self.stored_rows(row.index()..row.index() + 1)
    }

    /// The vectors of `rows` as they are stored, one after the other.
    ///
    /// # Panics
    /// When the block has no such rows.
    #[must_use]
    pub fn stored_rows(&self, rows: Range<usize>) -> Cow<'_, [u8]> {
        let row_bytes = self.row_bytes();
        self.matrix
            .read(rows.start * row_bytes, rows.len() * row_bytes)
    }

    /// Says that `row` is asked for soon.
    #[inline]
    pub(crate) fn prefetch(&self, row: RowId) {
        if let Matrix::Whole(bytes) = &self.matrix {
            let row_bytes = self.row_bytes();
            kernels::prefetch(&bytes[row.index() * row_bytes..][..row_bytes]);
        }
    }

    /// The vector of `row`, read into `scratch` unless it lies in memory as `f32`.
    ///
    /// # Panics
    /// When the block has no such row.
    #[inline]
    #[must_use]
    pub fn row<'a>(&'a self, row: RowId, scratch: &'a mut Vec<f32>) -> &'a [f32] {
        let row_bytes = self.row_bytes();
        let offset = row.index() * row_bytes;
        match (&self.matrix, self.element) {
            (Matrix::Whole(bytes), Element::F32) => {
                bytemuck::cast_slice(&bytes[offset..][..row_bytes])
            }
            (Matrix::Paged(pages), Element::F32) => {
                scratch.resize(self.dim, 0.0);
                pages.read(offset, bytemuck::cast_slice_mut(scratch));
                scratch
            }
            (matrix, Element::F16 | Element::U8) => {
                scratch.clear();
                self.decode(&matrix.read(offset, row_bytes), scratch);
                scratch
            }
        }
    }

    fn decode(&self, stored: &[u8], into: &mut Vec<f32>) {
        match self.element {
            // Bytes that were read for one row have no alignment.
            Element::F32 => into.extend(bytemuck::pod_collect_to_vec::<u8, f32>(stored)),
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
        if self.floats().is_some() && !self.late {
            return Cow::Borrowed(self);
        }
        let mut rows = Vec::with_capacity(self.len() * self.dim);
        for row in (0..self.len() as u32).map(RowId) {
            self.decode(&self.stored(row), &mut rows);
        }
        if self.late {
            for row in rows.chunks_exact_mut(self.dim) {
                kernels::float::normalize(row);
            }
        }
        let wide = Self::from_rows(&rows, self.dim, self.metric);
        Cow::Owned(wide.expect("the block was accepted with this metric"))
    }

    /// Bytes of all rows, in memory or not.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.matrix.bytes_len()
    }

    /// Whether rows are read where they are asked for.
    #[must_use]
    pub fn is_paged(&self) -> bool {
        matches!(self.matrix, Matrix::Paged(_))
    }

    /// The bytes behind the block; `None` when they are not all in memory.
    #[must_use]
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.matrix {
            Matrix::Whole(bytes) => Some(bytes),
            Matrix::Paged(_) => None,
        }
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
        let again = DenseBlock::new(block.bytes().unwrap().clone(), 4, Metric::Dot).unwrap();
        assert_eq!(
            again.row(RowId(0), &mut Vec::new()).as_ptr(),
            block.floats().unwrap().as_ptr()
        );
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
        let at = |block: &DenseBlock| block.bytes().unwrap().as_ptr();
        assert_eq!(at(&by(Metric::Dot)), at(&block));
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
