//! Which codes a graph is walked on, and how a search uses them.

use model::{CodeBits, ProductRatio, Quantization, QueryBits};

/// The codes of a graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CodeKind {
    /// A byte per component in equal steps.
    Bytes {
        /// Share of the components within the range; `None`: the range with the least error.
        quantile: Option<f32>,
    },
    /// A byte per group of components, as one of 256 trained centroids.
    Product(ProductRatio),
    /// A few bits per component.
    Planes {
        /// How many.
        bits: CodeBits,
        /// Whether vectors are rotated first.
        rotated: bool,
    },
}

impl Default for CodeKind {
    fn default() -> Self {
        Self::Bytes { quantile: None }
    }
}

impl CodeKind {
    /// The codes that `quantization` asks for; bytes when it asks for none.
    #[must_use]
    pub fn of(quantization: Option<Quantization>) -> Self {
        match quantization {
            None => Self::default(),
            Some(Quantization::Scalar { quantile }) => Self::Bytes { quantile },
            Some(Quantization::Product(ratio)) => Self::Product(ratio),
            Some(Quantization::Binary { bits, query: _ }) => Self::Planes {
                bits,
                rotated: false,
            },
            Some(Quantization::Rotated { bits }) => Self::Planes {
                bits,
                rotated: true,
            },
        }
    }

    /// Two numbers that tell this kind from every other, to be stored.
    #[must_use]
    pub fn stored(self) -> [u32; 2] {
        match self {
            Self::Bytes { quantile: None } => [0, 0],
            Self::Bytes { quantile: Some(q) } => [1, q.to_bits()],
            Self::Product(ratio) => [2, ratio.components() as u32],
            Self::Planes { bits, rotated } => [3 + u32::from(rotated), bits_code(bits)],
        }
    }

    /// Candidates per wanted row that are compared again unless the search says how many: the
    /// coarser the codes, the further down the true neighbours may be.
    pub(crate) fn oversampling(self) -> f64 {
        match self {
            Self::Bytes { .. } => 2.0,
            Self::Product(ratio) => match ratio {
                ProductRatio::X4 => 2.0,
                ProductRatio::X8 => 3.0,
                ProductRatio::X16 => 5.0,
                ProductRatio::X32 => 8.0,
                ProductRatio::X64 => 16.0,
            },
            Self::Planes { bits, .. } => match bits {
                CodeBits::One => 8.0,
                CodeBits::OneAndHalf => 6.0,
                CodeBits::Two => 4.0,
                CodeBits::Four => 3.0,
            },
        }
    }
}

/// The number by which bits are stored.
pub(crate) fn bits_code(bits: CodeBits) -> u32 {
    match bits {
        CodeBits::One => 0,
        CodeBits::OneAndHalf => 1,
        CodeBits::Two => 2,
        CodeBits::Four => 3,
    }
}

/// How one search uses codes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CodeUse {
    /// Walk on the `f32` rows instead.
    pub ignore: bool,
    /// Compare the best candidates in `f32`; if not, the codes give the scores.
    pub rescore: bool,
    /// Candidates per wanted row that are compared again, at least 1; `None`: as many as the
    /// codes need.
    pub oversampling: Option<f64>,
    /// How finely a query is seen by codes of a few bits; others ignore it.
    pub query: QueryBits,
}

impl Default for CodeUse {
    fn default() -> Self {
        Self {
            ignore: false,
            rescore: true,
            oversampling: None,
            query: QueryBits::Auto,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_stored_apart() {
        let bits = [
            CodeBits::One,
            CodeBits::OneAndHalf,
            CodeBits::Two,
            CodeBits::Four,
        ];
        let mut kinds = vec![
            CodeKind::default(),
            CodeKind::Bytes {
                quantile: Some(0.5),
            },
            CodeKind::Bytes {
                quantile: Some(1.0),
            },
            CodeKind::Product(ProductRatio::X4),
            CodeKind::Product(ProductRatio::X64),
        ];
        for rotated in [false, true] {
            kinds.extend(bits.map(|bits| CodeKind::Planes { bits, rotated }));
        }
        let mut stored: Vec<[u32; 2]> = kinds.iter().map(|kind| kind.stored()).collect();
        stored.sort_unstable();
        stored.dedup();
        assert_eq!(stored.len(), kinds.len());
    }

    #[test]
    fn how_a_query_is_seen_makes_no_other_codes() {
        let of = |query| {
            CodeKind::of(Some(Quantization::Binary {
                bits: CodeBits::One,
                query,
            }))
        };
        assert_eq!(of(QueryBits::One), of(QueryBits::Eight));
    }
}
