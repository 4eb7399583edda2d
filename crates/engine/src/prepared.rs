//! Vectors as queries: checked against their field, prepared as stored ones are, compared with
//! rows.
//!
//! Everything that ranks by vectors uses these two types: a [`Prepared`] holds for a whole
//! collection, a [`Comparison`] sees the rows of one block from it.

use index::Similarity;
use model::{
    Dim, Element, Error, Metric, Modifier, MultiVector, Shape, SparseVector, Vector, VectorKind,
};
use rows::RowId;

use crate::vectors::{Stored, Vectors, byte_of, half_of};

/// Most components of a vector of several rows, exclusive.
const MULTI_COMPONENTS_MAX: usize = 1 << 20;

/// A vector prepared for comparison with the rows of one field: normalised for cosine, rounded to
/// the element type, weighted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Prepared {
    /// One row of the field's dimension.
    Dense(Vec<f32>),
    /// Rows of the field's dimension.
    Multi(MultiVector),
    /// Indices ascending.
    Sparse(SparseVector),
    /// As many bytes as a row of the field.
    Binary(Vec<u8>),
}

impl Prepared {
    /// Prepares a vector that a caller brought. Weights of sparse queries are left to
    /// [`Collection::prepare`](crate::Collection).
    ///
    /// # Errors
    /// As [`check`].
    pub(crate) fn new(vector: &Vector, kind: VectorKind) -> Result<Self, Error> {
        check(vector, kind)?;
        Ok(match (vector, kind) {
            (
                Vector::Dense(row),
                VectorKind::Dense {
                    metric, element, ..
                },
            ) => Self::Dense(prepared_rows(row, row.len(), metric, element)),
            (
                Vector::Dense(row),
                VectorKind::Multi {
                    metric, element, ..
                },
            ) => {
                let rows = prepared_rows(row, row.len(), metric, element);
                Self::Multi(MultiVector::new(row.len(), rows)?)
            }
            (
                Vector::Multi(multi),
                VectorKind::Multi {
                    metric, element, ..
                },
            ) => {
                let rows = prepared_rows(multi.flat(), multi.dim(), metric, element);
                Self::Multi(MultiVector::new(multi.dim(), rows)?)
            }
            (Vector::Sparse(sparse), VectorKind::Sparse { .. }) => Self::Sparse(sparse.clone()),
            (Vector::Binary(bits), VectorKind::Binary { .. }) => Self::Binary(bits.clone()),
            (Vector::Dense(_) | Vector::Sparse(_) | Vector::Multi(_) | Vector::Binary(_), _) => {
                return Err(Error::shape(shape(kind), vector.shape()));
            }
        })
    }

    /// The vector as the one row that it is, of dense fields.
    pub(crate) fn row(&self) -> Option<&[f32]> {
        match self {
            Self::Dense(row) => Some(row),
            Self::Multi(_) | Self::Sparse(_) | Self::Binary(_) => None,
        }
    }

    /// A stored vector as a query.
    pub(crate) fn from_stored(vector: Vector) -> Self {
        match vector {
            Vector::Dense(row) => Self::Dense(row),
            Vector::Multi(rows) => Self::Multi(rows),
            Vector::Sparse(sparse) => Self::Sparse(sparse),
            Vector::Binary(bits) => Self::Binary(bits),
        }
    }
}

/// Whether weights of queries of this field depend on the collection.
pub(crate) fn is_weighted(kind: VectorKind) -> bool {
    match kind {
        VectorKind::Sparse {
            modifier: Modifier::Idf,
        } => true,
        VectorKind::Sparse {
            modifier: Modifier::None,
        }
        | VectorKind::Dense { .. }
        | VectorKind::Multi { .. }
        | VectorKind::Binary { .. } => false,
    }
}

/// The shape of the vectors of a field.
pub(crate) fn shape(kind: VectorKind) -> Shape {
    match kind {
        VectorKind::Dense { .. } => Shape::Dense,
        VectorKind::Multi { .. } => Shape::Multi,
        VectorKind::Sparse { .. } => Shape::Sparse,
        VectorKind::Binary { .. } => Shape::Binary,
    }
}

fn prepared_rows(rows: &[f32], dim: usize, metric: Metric, element: Element) -> Vec<f32> {
    let mut rows = rows.to_vec();
    let normalised = metric == Metric::Cosine && element != Element::U8;
    for row in rows.chunks_exact_mut(dim) {
        if normalised {
            kernels::float::normalize(row);
        }
        for component in row {
            *component = match element {
                Element::F32 => *component,
                Element::F16 => half_of(*component).to_f32(),
                Element::U8 => f32::from(byte_of(*component)),
            };
        }
    }
    rows
}

/// Whether `vector` may be stored in, or compared with, a field of `kind`.
///
/// # Errors
/// `Invalid`: about the shape when the field holds vectors of another one (a dense vector is one
/// row of a field of several), about the dimension when rows have another length, else about the
/// request.
pub(crate) fn check(vector: &Vector, kind: VectorKind) -> Result<(), Error> {
    match (vector, kind) {
        (
            Vector::Dense(row),
            VectorKind::Dense {
                dim,
                metric,
                element,
            }
            | VectorKind::Multi {
                dim,
                metric,
                element,
                comparator: _,
            },
        ) => {
            if row.len() != dim.get() {
                return Err(Error::dimension(dim.get() as u32, row.len()));
            }
            check_row(row, metric, element)
        }
        (
            Vector::Multi(multi),
            VectorKind::Multi {
                dim,
                metric,
                element,
                comparator: _,
            },
        ) => {
            if multi.dim() != dim.get() {
                return Err(Error::dimension(dim.get() as u32, multi.dim()));
            }
            if multi.flat().len() >= MULTI_COMPONENTS_MAX {
                return Err(Error::invalid(format!(
                    "the rows of a vector must have fewer than {MULTI_COMPONENTS_MAX} components \
                     together, got {}",
                    multi.flat().len()
                )));
            }
            multi
                .rows()
                .try_for_each(|row| check_row(row, metric, element))
        }
        // Made of finite values.
        (Vector::Sparse(_), VectorKind::Sparse { .. }) => Ok(()),
        (Vector::Binary(bits), VectorKind::Binary { dim, metric: _ }) => check_bits(bits, dim),
        (Vector::Dense(_) | Vector::Sparse(_) | Vector::Multi(_) | Vector::Binary(_), _) => {
            Err(Error::shape(shape(kind), vector.shape()))
        }
    }
}

fn check_bits(bits: &[u8], dim: Dim) -> Result<(), Error> {
    if bits.len() != dim.bit_bytes() {
        return Err(Error::dimension(dim.get() as u32, bits.len() * 8));
    }
    let unused = bits.len() * 8 - dim.get();
    if bits
        .last()
        .is_some_and(|last| last.trailing_zeros() < unused as u32)
    {
        return Err(Error::invalid(
            "the bits of a vector beyond its dimension must be 0",
        ));
    }
    Ok(())
}

fn check_row(row: &[f32], metric: Metric, element: Element) -> Result<(), Error> {
    if row.iter().any(|component| !component.is_finite()) {
        return Err(Error::invalid("a vector must have finite components"));
    }
    // The sum of squares must be a number, or the row cannot be normalised.
    if metric == Metric::Cosine && !kernels::float::dot(row, row).is_finite() {
        return Err(Error::invalid("a vector is too long to be normalised"));
    }
    let overflows = |x: &f32| half_of(*x).is_infinite();
    if element == Element::F16 && metric != Metric::Cosine && row.iter().any(overflows) {
        return Err(Error::invalid(
            "a component is out of range of a 16-bit float",
        ));
    }
    Ok(())
}

/// The rows of one field of one block seen from a vector.
pub(crate) struct Comparison<'a> {
    query: &'a Prepared,
    vectors: &'a Vectors,
    /// Of two dense rows.
    similarity: Similarity,
    best: Vec<f32>,
    scratch: Vec<f32>,
}

impl<'a> Comparison<'a> {
    /// `query` was prepared for the field of `vectors`.
    pub(crate) fn new(query: &'a Prepared, vectors: &'a Vectors) -> Self {
        let (metric, element) = match &vectors.stored {
            Stored::Dense(dense) => (dense.metric(), dense.element()),
            Stored::Multi(multi) => (multi.rows().metric(), multi.rows().element()),
            // Not asked for similarities of components.
            Stored::Sparse(_) | Stored::Binary(_) => (Metric::Dot, Element::F32),
        };
        Self {
            query,
            vectors,
            similarity: Similarity::for_rows(metric, element)
                .expect("fields of bits are refused when they are declared"),
            best: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// With single rows compared by `metric`, if one is given.
    pub(crate) fn by(mut self, metric: Option<Metric>) -> Self {
        if let (Some(metric), Stored::Dense(_)) = (metric, &self.vectors.stored) {
            let similarity = Similarity::of_unprepared(metric);
            self.similarity = similarity.expect("others are refused before a search begins");
        }
        self
    }

    /// Internal similarity of the query and the vector of `row`: larger is better. `None` when the
    /// row carries no vector, or a sparse one that shares no index with the query.
    pub(crate) fn of(&mut self, row: RowId) -> Option<f32> {
        if !self.vectors.has(row) {
            return None;
        }
        match (self.query, &self.vectors.stored) {
            (Prepared::Dense(query), Stored::Dense(dense)) => {
                let stored = dense.row(row, &mut self.scratch);
                Some(self.similarity.between(query, stored))
            }
            (Prepared::Multi(query), Stored::Multi(multi)) => Some(multi.max_sim(
                query,
                row,
                self.similarity,
                &mut self.best,
                &mut self.scratch,
            )),
            (Prepared::Sparse(query), Stored::Sparse(sparse)) => {
                let (indices, values) = sparse.row(row);
                kernels::sparse::dot(query.indices(), query.values(), indices, values)
            }
            (Prepared::Binary(query), Stored::Binary(bits)) => {
                Some(bits.similarity().between(query, bits.row(row)))
            }
            (
                Prepared::Dense(_) | Prepared::Multi(_) | Prepared::Sparse(_) | Prepared::Binary(_),
                _,
            ) => None,
        }
    }

    /// As [`Comparison::of`] for a row that is to be found: a sparse score of zero is as good as
    /// none, and so are bits that do not match where only matches are told apart.
    pub(crate) fn hit(&mut self, row: RowId) -> Option<f32> {
        let score = self.of(row)?;
        let is_hit = match &self.vectors.stored {
            Stored::Dense(_) | Stored::Multi(_) => true,
            Stored::Sparse(_) => score != 0.0,
            Stored::Binary(bits) => bits.similarity().is_hit(score),
        };
        is_hit.then_some(score)
    }
}

#[cfg(test)]
mod tests {
    use model::{Comparator, Dim, VectorField, VectorName};

    use super::*;
    use crate::vectors::{Incoming, VectorsBuilder};

    fn field(kind: VectorKind) -> VectorField {
        VectorField {
            name: VectorName::new("f").expect("a name"),
            since: 0,
            kind,
            index: None,
            index_metric: None,
            quantization: None,
            residency: model::Residency::Mapped,
        }
    }

    fn dim() -> Dim {
        Dim::new(2).expect("a dimension")
    }

    fn multi(metric: Metric, element: Element) -> VectorKind {
        VectorKind::Multi {
            dim: dim(),
            metric,
            element,
            comparator: Comparator::MaxSim,
        }
    }

    fn rows(flat: &[f32]) -> Vector {
        Vector::Multi(MultiVector::new(2, flat.to_vec()).expect("whole rows"))
    }

    fn sparse(pairs: &[(u32, f32)]) -> Vector {
        let (indices, values) = pairs.iter().copied().unzip();
        Vector::Sparse(SparseVector::new(indices, values).expect("a sparse vector"))
    }

    fn scores(kind: VectorKind, stored: &[Option<Vector>], query: &Vector) -> Vec<Option<f32>> {
        let mut builder = VectorsBuilder::new(&field(kind), stored.len());
        for vector in stored {
            builder.push(vector.as_ref().map(Incoming::Raw));
        }
        let vectors = builder.finish().expect("rows");
        let query = Prepared::new(query, kind).expect("it fits");
        let mut comparison = Comparison::new(&query, &vectors);
        (0..stored.len() as u32)
            .map(|row| comparison.of(RowId(row)))
            .collect()
    }

    #[test]
    fn each_row_of_a_query_meets_its_best_row() {
        let stored = [
            Some(rows(&[1.0, 2.0, 3.0, 4.0])),
            Some(rows(&[0.0, 1.0])),
            None,
        ];
        let query = rows(&[2.0, 3.0, -1.0, 1.0]);
        assert_eq!(
            scores(multi(Metric::Dot, Element::F32), &stored, &query),
            [Some(19.0), Some(4.0), None]
        );
        assert_eq!(
            scores(multi(Metric::L2, Element::F16), &stored, &query),
            [Some(-7.0), Some(-9.0), None]
        );
        let one_row = Vector::Dense(vec![2.0, 3.0]);
        assert_eq!(
            scores(multi(Metric::Dot, Element::U8), &stored, &one_row),
            [Some(18.0), Some(3.0), None]
        );
    }

    #[test]
    fn sparse_vectors_without_a_common_index_have_no_score() {
        let kind = VectorKind::Sparse {
            modifier: Modifier::None,
        };
        let stored = [
            Some(sparse(&[(1, 2.0), (5, 1.0)])),
            Some(sparse(&[(2, 2.0)])),
            Some(sparse(&[])),
            None,
        ];
        assert_eq!(
            scores(kind, &stored, &sparse(&[(7, 9.0), (5, -3.0), (1, 1.0)])),
            [Some(-1.0), None, None, None]
        );
    }

    #[test]
    fn narrow_components_are_compared_as_stored() {
        let kind = |metric, element| VectorKind::Dense {
            dim: dim(),
            metric,
            element,
        };
        let stored = [Some(Vector::Dense(vec![1.9, 300.0]))];
        let query = Vector::Dense(vec![2.6, -1.0]);
        let dot = scores(kind(Metric::Dot, Element::U8), &stored, &query);
        assert_eq!(dot, [Some(2.0)]);
        let cosine = scores(kind(Metric::Cosine, Element::U8), &stored, &query);
        let expected = 2.0 / (4.0_f32 * (1.0 + 255.0 * 255.0)).sqrt();
        assert_eq!(cosine, [Some(expected)]);
        let halves = kind(Metric::Dot, Element::F16);
        let third = [Some(Vector::Dense(vec![1.0 / 3.0, 0.0]))];
        let score = scores(halves, &third, &Vector::Dense(vec![1.0, 0.0]));
        assert_eq!(score, [Some(0.333_251_95)]);
        assert!(check(&Vector::Dense(vec![70_000.0, 0.0]), halves).is_err());
    }

    #[test]
    fn bits_are_compared_as_their_metric_says() {
        let kind = |metric| VectorKind::Binary {
            dim: Dim::new(12).expect("a dimension"),
            metric,
        };
        let bits = |first, second| Vector::Binary(vec![first, second]);
        let stored = [Some(bits(0b1110_0000, 0)), None, Some(bits(1, 0b0001_0000))];
        let query = bits(0b1100_0000, 0);
        let by = |metric| scores(kind(metric), &stored, &query);
        assert_eq!(by(Metric::Hamming), [Some(-1.0), None, Some(-4.0)]);
        assert_eq!(
            by(Metric::Jaccard),
            [Some(2.0 / 3.0 - 1.0), None, Some(-1.0)]
        );
        let far = Some(f32::NEG_INFINITY);
        assert_eq!(by(Metric::Tanimoto)[2], far);
        assert_eq!(by(Metric::Substructure), [Some(0.0), None, Some(-1.0)]);
        assert_eq!(by(Metric::Superstructure), [Some(-1.0), None, Some(-1.0)]);
        let of = kind(Metric::Hamming);
        assert!(check(&bits(0, 0b0001_0000), of).is_ok());
        assert!(check(&bits(0, 0b0000_1000), of).is_err());
        let short = Vector::Binary(vec![0]);
        assert_eq!(check(&short, of), Err(Error::dimension(12, 8)));
    }

    #[test]
    fn vectors_of_another_shape_or_size_are_refused() {
        let dense = VectorKind::Dense {
            dim: dim(),
            metric: Metric::Dot,
            element: Element::F32,
        };
        let of = multi(Metric::Dot, Element::F32);
        let weights = VectorKind::Sparse {
            modifier: Modifier::Idf,
        };
        for (vector, kind, expected) in [
            (
                rows(&[1.0, 2.0]),
                dense,
                Error::shape(Shape::Dense, Shape::Multi),
            ),
            (sparse(&[]), of, Error::shape(Shape::Multi, Shape::Sparse)),
            (
                Vector::Dense(vec![1.0]),
                weights,
                Error::shape(Shape::Sparse, Shape::Dense),
            ),
            (Vector::Dense(vec![1.0]), of, Error::dimension(2, 1)),
            (
                Vector::Multi(MultiVector::new(3, vec![0.0; 6]).expect("rows")),
                of,
                Error::dimension(2, 3),
            ),
        ] {
            assert_eq!(check(&vector, kind), Err(expected));
        }
    }
}
