//! Vectors as queries: checked against their field, prepared as stored ones are, compared with
//! rows.

use index::Similarity;
use model::{Error, Metric, Vector, VectorKind};
use rows::RowId;

use crate::vectors::Vectors;
use crate::write::check_dense;

/// A vector prepared for comparison with the rows of one field: normalised for cosine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Prepared {
    /// One row of the field's dimension.
    Dense(Vec<f32>),
}

impl Prepared {
    /// Prepares a vector that a caller brought.
    ///
    /// # Errors
    /// As [`check_dense`].
    pub(crate) fn new(vector: &Vector, kind: VectorKind) -> Result<Self, Error> {
        let mut row = check_dense(vector, kind)?.to_vec();
        let VectorKind::Dense { metric, .. } = kind;
        if metric == Metric::Cosine {
            kernels::float::normalize(&mut row);
        }
        Ok(Self::Dense(row))
    }

    /// The row that it is.
    pub(crate) fn row(&self) -> &[f32] {
        let Self::Dense(row) = self;
        row
    }

    /// A stored vector as a query.
    pub(crate) fn from_stored(vector: Vector) -> Option<Self> {
        match vector {
            Vector::Dense(row) => Some(Self::Dense(row)),
            Vector::Sparse(_) | Vector::Multi(_) | Vector::Binary(_) => None,
        }
    }
}

/// The rows of one field of one block seen from a vector.
pub(crate) struct Comparison<'a> {
    query: &'a Prepared,
    vectors: &'a Vectors,
    similarity: Similarity,
}

impl<'a> Comparison<'a> {
    /// `query` was prepared for the field of `vectors`.
    pub(crate) fn new(query: &'a Prepared, vectors: &'a Vectors) -> Self {
        Self {
            query,
            vectors,
            similarity: Similarity::for_metric(vectors.dense.metric())
                .expect("fields of bits are refused when they are declared"),
        }
    }

    /// Internal similarity of the query and the vector of `row`: larger is better. `None` when the
    /// row carries no vector.
    pub(crate) fn of(&mut self, row: RowId) -> Option<f32> {
        let Prepared::Dense(query) = self.query;
        let stored = self.vectors.get(row)?;
        Some(self.similarity.between(query, stored))
    }
}
