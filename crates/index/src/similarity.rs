//! The `f32` similarity of each metric.

use kernels::float::FloatKernels;
use model::Metric;

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

    /// Similarity of two vectors of equal length.
    #[inline]
    #[must_use]
    pub fn between(&self, a: &[f32], b: &[f32]) -> f32 {
        (self.kernel)(a, b) * self.sign
    }
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
