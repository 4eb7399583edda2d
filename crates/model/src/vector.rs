//! Vectors as callers bring them.

use alloc::vec::Vec;
use core::fmt;

use crate::{Error, VectorName};

/// One vector of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Vector {
    /// `dim` components.
    Dense(Vec<f32>),
    /// Few non-zero components of a very wide vector.
    Sparse(SparseVector),
    /// Several dense rows of the same dimension (late interaction).
    Multi(MultiVector),
    /// Bits, packed eight to a byte, most significant first; the unused bits of the last byte are
    /// 0.
    Binary(Vec<u8>),
}

impl Vector {
    /// Which kind of vector it is.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Dense(_) => Shape::Dense,
            Self::Sparse(_) => Shape::Sparse,
            Self::Multi(_) => Shape::Multi,
            Self::Binary(_) => Shape::Binary,
        }
    }
}

/// A kind of vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One row of floats.
    Dense,
    /// Pairs of index and value.
    Sparse,
    /// Several rows of floats.
    Multi,
    /// Bits.
    Binary,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dense => "dense",
            Self::Sparse => "sparse",
            Self::Multi => "multi-row",
            Self::Binary => "binary",
        })
    }
}

/// A sparse vector: parallel arrays, indices strictly ascending.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SparseVector {
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl SparseVector {
    /// Sorts by index.
    ///
    /// # Errors
    /// `Invalid` when the lengths differ, an index repeats or a value is not finite.
    pub fn new(indices: Vec<u32>, values: Vec<f32>) -> Result<Self, Error> {
        if indices.len() != values.len() {
            return Err(Error::invalid(alloc::format!(
                "a sparse vector needs as many values as indices, got {} and {}",
                values.len(),
                indices.len()
            )));
        }
        if values.iter().any(|v| !v.is_finite()) {
            return Err(Error::invalid("a sparse vector must have finite values"));
        }
        let mut pairs: Vec<(u32, f32)> = indices.into_iter().zip(values).collect();
        pairs.sort_unstable_by_key(|&(index, _)| index);
        if pairs.windows(2).any(|w| w[0].0 == w[1].0) {
            return Err(Error::invalid("a sparse vector must have unique indices"));
        }
        let (indices, values) = pairs.into_iter().unzip();
        Ok(Self { indices, values })
    }

    /// Strictly ascending.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Values, parallel to [`Self::indices`].
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// Rows of one multi-vector, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiVector {
    dim: usize,
    rows: Vec<f32>,
}

impl MultiVector {
    /// `rows` holds a whole number of rows of `dim` components, row-major.
    ///
    /// # Errors
    /// `Invalid` when there is no row or the length is not a multiple of `dim`.
    pub fn new(dim: usize, rows: Vec<f32>) -> Result<Self, Error> {
        if dim == 0 || rows.is_empty() || !rows.len().is_multiple_of(dim) {
            return Err(Error::invalid(
                "a multi-vector needs at least one row, all of the same dimension",
            ));
        }
        Ok(Self { dim, rows })
    }

    /// Components of each row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All rows, row-major.
    pub fn flat(&self) -> &[f32] {
        &self.rows
    }

    /// The rows one by one.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.rows.chunks_exact(self.dim)
    }
}

/// The vectors of one point by field name; absent names are absent vectors.
pub type NamedVectors = Vec<(VectorName, Vector)>;
