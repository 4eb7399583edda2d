//! The `f32` similarity of each metric.

use kernels::bits::BitKernels;
use kernels::float::{self, FloatKernels};
use model::{Element, Metric};

/// What compares two rows of equal length.
type Kernel = fn(&[f32], &[f32]) -> f32;

/// Compares `f32` vectors by one metric: larger is better.
///
/// `Dot` and `Cosine`: inner product; `L2`: `-Σd²`; `L1`: `-Σ|d|`. Equal bits on every processor.
#[derive(Clone, Copy, Debug)]
pub struct Similarity {
    kernel: Kernel,
    sign: f32,
}

impl Similarity {
    /// The similarity of `metric`; `None` for metrics on bits.
    #[must_use]
    pub fn for_metric(metric: Metric) -> Option<Self> {
        let kernels = FloatKernels::best();
        let (kernel, sign) = match metric {
            Metric::Dot | Metric::Cosine => (kernels.dot, 1.0),
            Metric::L2 => (kernels.squared_l2, -1.0),
            Metric::L1 => (kernels.l1, -1.0),
            Metric::Hamming
            | Metric::Jaccard
            | Metric::Tanimoto
            | Metric::Substructure
            | Metric::Superstructure => return None,
        };
        Some(Self { kernel, sign })
    }

    /// The similarity of stored rows: as [`Similarity::for_metric`], but cosine rows of bytes are
    /// stored as they came and normalised here.
    #[must_use]
    pub fn for_rows(metric: Metric, element: Element) -> Option<Self> {
        let by_metric = Self::for_metric(metric)?;
        if !normalises_late(metric, element) {
            return Some(by_metric);
        }
        Some(Self {
            kernel: cosine,
            sign: 1.0,
        })
    }

    /// The similarity of rows that are compared by another metric than they were stored for:
    /// cosine normalises here, and a component above one half is a set bit. `None` for the metrics
    /// of bits that no float stands for.
    #[must_use]
    pub fn of_unprepared(metric: Metric) -> Option<Self> {
        let (kernel, sign): (Kernel, f32) = match metric {
            Metric::Dot | Metric::L2 | Metric::L1 => return Self::for_metric(metric),
            Metric::Cosine => (cosine, 1.0),
            Metric::Hamming => (differing_halves, -1.0),
            Metric::Jaccard => (jaccard_of_halves, -1.0),
            Metric::Tanimoto | Metric::Substructure | Metric::Superstructure => return None,
        };
        Some(Self { kernel, sign })
    }

    /// Similarity of two vectors of equal length.
    #[inline]
    #[must_use]
    pub fn between(&self, a: &[f32], b: &[f32]) -> f32 {
        (self.kernel)(a, b) * self.sign
    }
}

/// Compares packed bits by one metric: larger is better, the negated distance. Equal bits on every
/// processor.
#[derive(Clone, Copy, Debug)]
pub struct BitSimilarity {
    distance: fn(&BitKernels, &[u8], &[u8]) -> f32,
    matches_only: bool,
}

impl BitSimilarity {
    /// The similarity of `metric`; `None` for metrics on components.
    #[must_use]
    pub fn for_metric(metric: Metric) -> Option<Self> {
        let distance = match metric {
            Metric::Hamming => BitKernels::hamming,
            Metric::Jaccard => BitKernels::jaccard,
            Metric::Tanimoto => BitKernels::tanimoto,
            Metric::Substructure => BitKernels::substructure,
            Metric::Superstructure => BitKernels::superstructure,
            Metric::Dot | Metric::Cosine | Metric::L2 | Metric::L1 => return None,
        };
        let matches_only = matches!(metric, Metric::Substructure | Metric::Superstructure);
        Some(Self {
            distance,
            matches_only,
        })
    }

    /// Similarity of two vectors of equal length; minus infinity where the distance is infinite.
    #[inline]
    #[must_use]
    pub fn between(&self, query: &[u8], row: &[u8]) -> f32 {
        // `0 - x` rather than `-x`: equal vectors have 0.0, not -0.0, which would sort below it.
        0.0 - (self.distance)(BitKernels::best(), query, row)
    }

    /// Whether a row of this similarity is a result: of the metrics that only tell matches from
    /// others, a match.
    #[inline]
    #[must_use]
    pub fn is_hit(&self, similarity: f32) -> bool {
        !self.matches_only || similarity == 0.0
    }
}

/// Whether rows are stored as they came although the metric compares directions.
pub(crate) fn normalises_late(metric: Metric, element: Element) -> bool {
    match element {
        Element::F32 | Element::F16 => false,
        Element::U8 => metric == Metric::Cosine,
    }
}

/// Components of which exactly one is above one half.
fn differing_halves(a: &[f32], b: &[f32]) -> f32 {
    let pairs = a.iter().zip(b);
    let count = pairs.filter(|(a, b)| (**a > 0.5) != (**b > 0.5)).count();
    // Dimensions are below 2^24.
    count as f32
}

/// One minus the share of the components above one half in both among those in either; 0 when
/// there is none.
fn jaccard_of_halves(a: &[f32], b: &[f32]) -> f32 {
    let (mut both, mut either) = (0_u32, 0_u32);
    for (&a, &b) in a.iter().zip(b) {
        both += u32::from(a > 0.5 && b > 0.5);
        either += u32::from(a > 0.5 || b > 0.5);
    }
    match either {
        0 => 0.0,
        _ => 1.0 - both as f32 / either as f32,
    }
}

/// The cosine of two vectors of any length; 0 when one has none.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let squared_lengths = float::dot(a, a) * float::dot(b, b);
    if squared_lengths == 0.0 {
        return 0.0;
    }
    float::dot(a, b) / squared_lengths.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_by_metrics_that_they_were_not_stored_for() {
        let a = [3.0, 0.0, 0.6, 0.4];
        let b = [1.0, 2.0, 0.0, 0.0];
        let between = |metric| Similarity::of_unprepared(metric).map(|by| by.between(&a, &b));
        assert_eq!(between(Metric::Dot), Some(3.0));
        assert_eq!(between(Metric::Hamming), Some(-2.0));
        assert_eq!(between(Metric::Jaccard), Some(-(1.0 - 1.0 / 3.0)));
        assert_eq!(between(Metric::Tanimoto), None);
        let cosine = 3.0 / (9.52_f32 * 5.0).sqrt();
        let got = between(Metric::Cosine).expect("floats have a cosine");
        assert!((got - cosine).abs() < 1e-6, "{got}");
        let none = Similarity::of_unprepared(Metric::Jaccard).expect("a metric of halves");
        assert_eq!(none.between(&[0.0], &[0.1]), 0.0);
    }

    #[test]
    fn larger_is_better_in_every_metric() {
        let between =
            |metric| Similarity::for_metric(metric).map(|by| by.between(&[1.0, 2.0], &[3.0, -1.0]));
        assert_eq!(between(Metric::Dot), Some(1.0));
        assert_eq!(between(Metric::Cosine), Some(1.0));
        assert_eq!(between(Metric::L2), Some(-13.0));
        assert_eq!(between(Metric::L1), Some(-5.0));
        assert_eq!(between(Metric::Hamming), None);
        let bits = |metric| {
            BitSimilarity::for_metric(metric).map(|by| {
                let similarity = by.between(&[0b0110_0000], &[0b0111_0001]);
                (similarity, by.is_hit(similarity))
            })
        };
        assert_eq!(bits(Metric::Hamming), Some((-2.0, true)));
        assert_eq!(bits(Metric::Jaccard), Some((-0.5, true)));
        assert_eq!(bits(Metric::Tanimoto), Some((-1.0, true)));
        assert_eq!(bits(Metric::Substructure), Some((0.0, true)));
        assert_eq!(bits(Metric::Superstructure), Some((-1.0, false)));
        assert_eq!(bits(Metric::L2), None);
    }
}
