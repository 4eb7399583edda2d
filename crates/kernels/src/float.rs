//! Distances of `f32` vectors with one summation order on every processor.
//!
//! Floating-point addition is not associative, so a score depends on the order of the additions.
//! Here that order is part of the contract: component `i` is added to lane `i % 32`, lanes are
//! folded in halves (lane `j` with lane `j + 16`, then `+ 8`, `4`, `2`, `1`), and a product is
//! rounded before it is added (no fused multiply-add). Thirty-two lanes because that is two
//! AVX-512, four AVX2 or eight 128-bit accumulators: enough to hide the latency of an addition on
//! all of them. A short last chunk adds `+0.0` to the lanes it lacks, which changes no bit: a lane
//! starts at `+0.0` and can never become `-0.0`.

use wide::f32x8;

use crate::Level;
use crate::level::Forms;

/// Number of accumulators that every kernel of this module sums into.
pub const LANES: usize = 32;

/// The float kernels of one [`Level`]. Slices of unequal length are compared up to the shorter.
#[derive(Clone, Copy, Debug)]
pub struct FloatKernels {
    /// `Σ a·b`.
    pub dot: fn(&[f32], &[f32]) -> f32,
    /// `Σ (a-b)²`, no root.
    pub squared_l2: fn(&[f32], &[f32]) -> f32,
    /// `Σ |a-b|`.
    pub l1: fn(&[f32], &[f32]) -> f32,
}

impl FloatKernels {
    /// The kernels of the best level of this processor.
    #[must_use]
    pub fn best() -> &'static Self {
        FORMS.best()
    }

    /// The kernels of `level`; `None` when this processor or build lacks it.
    #[must_use]
    pub fn at(level: Level) -> Option<&'static Self> {
        FORMS.at(level)
    }
}

/// `Σ a·b`.
#[inline]
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    (FloatKernels::best().dot)(a, b)
}

/// `Σ (a-b)²`, no root.
#[inline]
#[must_use]
pub fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
    (FloatKernels::best().squared_l2)(a, b)
}

/// `Σ |a-b|`.
#[inline]
#[must_use]
pub fn l1(a: &[f32], b: &[f32]) -> f32 {
    (FloatKernels::best().l1)(a, b)
}

/// Scales `vector` to unit length as Qdrant does on write; returns whether it changed.
///
/// With `L = Σx²`: left alone when `L` is below `f32::EPSILON` (the zero vector stays zero) or
/// within `1e-6` of one, else every component is divided by `√L`.
pub fn normalize(vector: &mut [f32]) -> bool {
    let squared_length = dot(vector, vector);
    if squared_length < f32::EPSILON || (squared_length - 1.0).abs() <= 1e-6 {
        return false;
    }
    let length = libm::sqrtf(squared_length);
    for component in vector {
        *component /= length;
    }
    true
}

static FORMS: Forms<FloatKernels> = Forms {
    portable: &PORTABLE,
    #[cfg(target_arch = "x86_64")]
    avx2: &crate::x86::float::AVX2,
    #[cfg(target_arch = "x86_64")]
    avx512: &crate::x86::float::AVX512,
};

static PORTABLE: FloatKernels = FloatKernels {
    dot: |a, b| portable(a, b, |x, y| x * y),
    squared_l2: |a, b| portable(a, b, |x, y| (x - y) * (x - y)),
    l1: |a, b| portable(a, b, |x, y| (x - y).abs()),
};

#[inline(always)]
fn portable(a: &[f32], b: &[f32], term: impl Fn(f32x8, f32x8) -> f32x8) -> f32 {
    let len = a.len().min(b.len());
    let (whole, tail) = (len / LANES * LANES, len % LANES);
    let mut lanes = [f32x8::ZERO; 4];
    for (x, y) in a[..whole]
        .chunks_exact(LANES)
        .zip(b[..whole].chunks_exact(LANES))
    {
        add_terms(&mut lanes, x, y, &term);
    }
    if tail > 0 {
        let (x, y) = (padded(&a[whole..len]), padded(&b[whole..len]));
        add_terms(&mut lanes, &x, &y, &term);
    }
    let eight = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
    fold_eight(eight.to_array())
}

#[inline(always)]
fn add_terms(lanes: &mut [f32x8; 4], x: &[f32], y: &[f32], term: &impl Fn(f32x8, f32x8) -> f32x8) {
    for (lane, (x, y)) in lanes
        .iter_mut()
        .zip(x.chunks_exact(8).zip(y.chunks_exact(8)))
    {
        *lane += term(
            bytemuck::pod_read_unaligned(bytemuck::cast_slice(x)),
            bytemuck::pod_read_unaligned(bytemuck::cast_slice(y)),
        );
    }
}

/// The last, short chunk of a vector with zeros behind it.
#[inline(always)]
pub(crate) fn padded(tail: &[f32]) -> [f32; LANES] {
    let mut chunk = [0.0; LANES];
    chunk[..tail.len()].copy_from_slice(tail);
    chunk
}

/// The last three folds: 4 + 4, 2 + 2, 1 + 1.
#[inline(always)]
pub(crate) fn fold_eight(lanes: [f32; 8]) -> f32 {
    let four: [f32; 4] = core::array::from_fn(|lane| lanes[lane] + lanes[lane + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::scalar;

    fn pairs() -> impl Strategy<Value = Vec<(f32, f32)>> {
        let component = prop_oneof![
            4 => -1.0_f32..1.0,
            1 => any::<f32>().prop_filter("finite", |x| x.is_finite() && x.abs() < 1e15),
            1 => Just(0.0_f32),
            1 => Just(-0.0_f32),
        ];
        proptest::collection::vec((component.clone(), component), 0..300)
    }

    proptest! {
        #[test]
        fn every_level_equals_the_scalar_twin_to_the_bit(pairs in pairs()) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            for level in Level::ALL {
                let Some(kernels) = FloatKernels::at(level) else { continue };
                let bits = |value: f32| value.to_bits();
                prop_assert_eq!(bits((kernels.dot)(&a, &b)), bits(scalar::dot(&a, &b)));
                prop_assert_eq!(
                    bits((kernels.squared_l2)(&a, &b)),
                    bits(scalar::squared_l2(&a, &b))
                );
                prop_assert_eq!(bits((kernels.l1)(&a, &b)), bits(scalar::l1(&a, &b)));
            }
        }

        // One part in 10^5: 300 additions of rounding error 6e-8 each stay far below it.
        #[test]
        fn the_sums_are_right(
            pairs in proptest::collection::vec((0.1_f32..1.0, 0.1_f32..1.0), 0..300),
        ) {
            let exact: f64 = pairs.iter().map(|&(x, y)| f64::from(x) * f64::from(y)).sum();
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            prop_assert!((f64::from(dot(&a, &b)) - exact).abs() <= 1e-5 * exact);
        }

        #[test]
        fn normalized_vectors_have_unit_length(
            mut vector in proptest::collection::vec(-100.0_f32..100.0, 1..200),
        ) {
            let before = dot(&vector, &vector);
            let changed = normalize(&mut vector);
            let after = dot(&vector, &vector);
            if before >= f32::EPSILON {
                prop_assert!((after - 1.0).abs() < 1e-5, "length² {}", after);
            } else {
                prop_assert!(!changed);
            }
        }
    }

    #[test]
    fn normalize_leaves_zero_and_unit_vectors_alone() {
        let mut zero = [0.0; 5];
        assert!(!normalize(&mut zero));
        assert_eq!(zero, [0.0; 5]);
        let mut unit = [0.6, 0.8];
        assert!(!normalize(&mut unit));
        assert_eq!(unit, [0.6, 0.8]);
        let mut long = [3.0, 4.0];
        assert!(normalize(&mut long));
        assert_eq!(long, [0.6, 0.8]);
    }
}
