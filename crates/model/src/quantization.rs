//! How the vectors of a field are shortened to codes, on which graphs are walked.

/// The codes of a vector field.
///
/// Codes decide which rows a walk finds and how much memory it needs; the vectors themselves are
/// always kept, and scores are taken from them unless a search asks otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantization {
    /// One byte per component, in equal steps.
    Scalar {
        /// Share of the components that the range must hold, 0.5 to 1.0; `None`: the range with
        /// the smallest error.
        quantile: Option<f32>,
    },
    /// One byte per group of components: the nearest of 256 centroids.
    Product(ProductRatio),
    /// A few bits per component, of equal steps around the mean.
    Binary {
        /// Bits per component of a row.
        bits: CodeBits,
        /// Bits per component of a query.
        query: QueryBits,
    },
    /// As `Binary`, of vectors rotated at random first, with queries of eight bits.
    Rotated {
        /// Bits per component of a row.
        bits: CodeBits,
    },
}

/// How much smaller product codes are than the `f32` vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductRatio {
    /// A byte per component.
    X4,
    /// A byte for two components.
    X8,
    /// A byte for four components.
    X16,
    /// A byte for eight components.
    X32,
    /// A byte for sixteen components.
    X64,
}

impl ProductRatio {
    /// The ratio nearest below that of a byte for every `components`; none is coarser than sixteen.
    pub fn of_components_per_byte(components: usize) -> Self {
        match components {
            0 | 1 => Self::X4,
            2 | 3 => Self::X8,
            4..=7 => Self::X16,
            8..=15 => Self::X32,
            _ => Self::X64,
        }
    }
}

impl ProductRatio {
    /// Number of components that share a byte.
    pub fn components(self) -> usize {
        match self {
            Self::X4 => 1,
            Self::X8 => 2,
            Self::X16 => 4,
            Self::X32 => 8,
            Self::X64 => 16,
        }
    }
}

/// Bits per component of a row's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeBits {
    /// The sign.
    One,
    /// The sign, and for two components one bit that says which is larger.
    OneAndHalf,
    /// Four steps.
    Two,
    /// Sixteen steps.
    Four,
}

/// Bits per component of a query that is compared with codes of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum QueryBits {
    /// As many as are worth their time.
    #[default]
    Auto,
    /// The sign.
    One,
    /// Sixteen steps.
    Four,
    /// 256 steps.
    Eight,
}
