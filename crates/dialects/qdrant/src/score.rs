//! How internal similarities are told to Qdrant users, and their thresholds back.

use model::{Error, Metric, Schema, VectorKind, VectorName};

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
        match field.kind {
            VectorKind::Dense { metric, .. } => Self::of(metric),
        }
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

    /// The internal bound, exclusive, that no score within `threshold` falls below; `None`: nothing
    /// can be within.
    ///
    /// It may let a little more pass, since squares and roots round: [`Self::within`] decides.
    pub(crate) fn similarity_above(self, threshold: f32) -> Option<f32> {
        match self {
            Self::Similarity | Self::One => Some(threshold),
            Self::RootOfNegation => (threshold > 0.0).then(|| {
                let square = threshold * threshold;
                -(square * (1.0 + 4.0 * f32::EPSILON)).max(f32::MIN_POSITIVE)
            }),
            Self::Negation => (threshold > 0.0).then_some(-threshold),
        }
    }

    /// Whether a told score is strictly better than `threshold`.
    pub(crate) fn within(self, told: f32, threshold: f32) -> bool {
        match self {
            Self::Similarity | Self::One => told > threshold,
            Self::RootOfNegation | Self::Negation => told < threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn distances_are_told_as_distances() {
        assert_eq!(Reported::of(Metric::L2).unwrap().score(-25.0), 5.0);
        assert_eq!(Reported::of(Metric::L1).unwrap().score(-7.0), 7.0);
        assert_eq!(Reported::of(Metric::Cosine).unwrap().score(-0.5), -0.5);
        assert!(Reported::of(Metric::Hamming).is_err());
    }

    #[test]
    fn a_point_exactly_at_the_threshold_is_out() {
        let euclid = Reported::RootOfNegation;
        assert!(!euclid.within(5.0, 5.0));
        assert!(euclid.within(4.999, 5.0));
        assert!(!Reported::Similarity.within(0.5, 0.5));
        assert_eq!(euclid.similarity_above(-1.0), None);
        assert_eq!(euclid.similarity_above(0.0), None);
    }

    proptest! {
        /// The engine must never cut off what the threshold lets in.
        #[test]
        fn the_internal_bound_is_never_too_tight(
            distance in 0.0f32..1e18, threshold in 1e-18f32..1e18,
        ) {
            for reported in [Reported::RootOfNegation, Reported::Negation] {
                let similarity = match reported {
                    Reported::RootOfNegation => -(distance * distance),
                    _ => -distance,
                };
                if reported.within(reported.score(similarity), threshold) {
                    prop_assert!(similarity > reported.similarity_above(threshold).unwrap());
                }
            }
        }
    }
}
