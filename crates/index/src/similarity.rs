//! The `f32` similarity of each metric.

use kernels::float::{self, FloatKernels};
use model::{Element, Metric};

/// Compares `f32` vectors by one metric: larger is better.
///
/// `Dot` and `Cosine`: inner product; `L2`: `-Σd²`; `L1`: `-Σ|d|`. Equal bits on every processor.
#[derive(Clone, Copy, Debug)]
pub struct Similarity {
    kernel: fn(&[f32], &[f32]) -> f32,
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

    /// Similarity of two vectors of equal length.
    #[inline]
    #[must_use]
    pub fn between(&self, a: &[f32], b: &[f32]) -> f32 {
        (self.kernel)(a, b) * self.sign
    }
}

/// Whether rows are stored as they came although the metric compares directions.
pub(crate) fn normalises_late(metric: Metric, element: Element) -> bool {
    match element {
        Element::F32 | Element::F16 => false,
        Element::U8 => metric == Metric::Cosine,
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
    fn larger_is_better_in_every_metric() {
        let between =
            |metric| Similarity::for_metric(metric).map(|by| by.between(&[1.0, 2.0], &[3.0, -1.0]));
        assert_eq!(between(Metric::Dot), Some(1.0));
        assert_eq!(between(Metric::Cosine), Some(1.0));
        assert_eq!(between(Metric::L2), Some(-13.0));
        assert_eq!(between(Metric::L1), Some(-5.0));
        assert_eq!(between(Metric::Hamming), None);
    }
}
