//! How internal similarities are told to Qdrant users.

use model::{Error, Metric, Schema, VectorName};

use crate::error::Failure;

/// How a score is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reported {
    /// As it is: larger is better.
    Similarity,
    /// Internally the negated squared distance; told as the distance.
    RootOfNegation,
    /// Internally the negated distance; told as the distance.
    Negation,
    /// Nothing was compared.
    One,
}

impl Reported {
    /// How scores of `metric` are told.
    pub(crate) fn of(metric: Metric) -> Result<Self, Failure> {
        match metric {
            Metric::Dot | Metric::Cosine => Ok(Self::Similarity),
            Metric::L2 => Ok(Self::RootOfNegation),
            Metric::L1 => Ok(Self::Negation),
            Metric::Hamming
            | Metric::Jaccard
            | Metric::Tanimoto
            | Metric::Substructure
            | Metric::Superstructure => Err(Failure::wrong_input(
                "vectors of bits cannot be searched through this interface",
            )),
        }
    }

    /// How scores of the vector field `name` are told.
    ///
    /// # Errors
    /// When there is no such field, or its vectors cannot be searched.
    pub(crate) fn of_field(schema: &Schema, name: &VectorName) -> Result<Self, Failure> {
        let field = schema.vector(name);
        let field = field.ok_or_else(|| Error::no_vector_field(name.as_str()))?;
        Self::of(field.kind.metric())
    }

    /// The told score of an internal one.
    pub(crate) fn score(self, similarity: f32) -> f32 {
        match self {
            Self::Similarity => similarity,
            Self::RootOfNegation => similarity.abs().sqrt(),
            Self::Negation => similarity.abs(),
            Self::One => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn distances_are_told_as_distances() {
        assert_eq!(Reported::of(Metric::L2).unwrap().score(-25.0), 5.0);
        assert_eq!(Reported::of(Metric::L1).unwrap().score(-7.0), 7.0);
        assert_eq!(Reported::of(Metric::Cosine).unwrap().score(-0.5), -0.5);
        assert!(Reported::of(Metric::Hamming).is_err());
    }
}
