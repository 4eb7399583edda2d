//! Distance metrics and the internal score convention.

/// How two vectors are compared.
///
/// Inside Skerry every score is an `f32` *similarity*: larger is better. `L2` is the negated
/// squared distance, `L1` the negated sum of absolute differences, the binary metrics the negated
/// distance. Each dialect turns a similarity into what its users expect (Qdrant's Euclid takes the
/// root of the negation, for instance).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Inner product.
    Dot,
    /// Inner product of vectors normalised when written.
    Cosine,
    /// Euclidean distance.
    L2,
    /// Manhattan distance.
    L1,
    /// Number of differing bits.
    Hamming,
    /// One minus intersection over union, on bits.
    Jaccard,
    /// Minus binary logarithm of the Jaccard similarity, as Milvus defines it.
    Tanimoto,
    /// 0 when the stored bits contain all the query's bits, else 1.
    Substructure,
    /// 0 when the query's bits contain all the stored bits, else 1.
    Superstructure,
}

impl Metric {
    /// Whether the metric compares bit-packed vectors.
    pub fn is_binary(self) -> bool {
        match self {
            Self::Dot | Self::Cosine | Self::L2 | Self::L1 => false,
            Self::Hamming
            | Self::Jaccard
            | Self::Tanimoto
            | Self::Substructure
            | Self::Superstructure => true,
        }
    }
}
