//! Float kernels for AVX2 and AVX-512, in the lane order of [`crate::float`].
//!
//! One generic loop over a register type; the instruction set enters through the functions marked
//! `target_feature` at the end, into which the loop is inlined.

use core::arch::x86_64::{
    __m256, __m512, _mm256_add_ps, _mm256_and_ps, _mm256_castsi256_ps, _mm256_loadu_ps,
    _mm256_mul_ps, _mm256_set1_epi32, _mm256_setzero_ps, _mm256_storeu_ps, _mm256_sub_ps,
    _mm512_abs_ps, _mm512_add_ps, _mm512_loadu_ps, _mm512_mul_ps, _mm512_setzero_ps,
    _mm512_storeu_ps, _mm512_sub_ps,
};

use crate::float::{FloatKernels, LANES, fold_eight, padded};

/// Only handed out by [`FloatKernels::at`], after AVX2 was detected.
pub(crate) static AVX2: FloatKernels = FloatKernels {
    // SAFETY: AVX2 was detected.
    dot: |a, b| unsafe { avx2::dot(a, b) },
    // SAFETY: as above.
    squared_l2: |a, b| unsafe { avx2::squared_l2(a, b) },
    // SAFETY: as above.
    l1: |a, b| unsafe { avx2::l1(a, b) },
};

/// Only handed out by [`FloatKernels::at`], after AVX-512 was detected.
pub(crate) static AVX512: FloatKernels = FloatKernels {
    // SAFETY: AVX-512 F was detected.
    dot: |a, b| unsafe { avx512::dot(a, b) },
    // SAFETY: as above.
    squared_l2: |a, b| unsafe { avx512::squared_l2(a, b) },
    // SAFETY: as above.
    l1: |a, b| unsafe { avx512::l1(a, b) },
};

/// Defines `sum`, `dot`, `squared_l2` and `l1` for one register width.
macro_rules! float_twins {
    ($module:ident, $feature:literal, $register:ty, $width:literal,
     $zero:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $abs:expr) => {
        mod $module {
            use super::*;

            const REGISTERS: usize = LANES / $width;

            #[inline]
            #[target_feature(enable = $feature)]
            fn sum(a: &[f32], b: &[f32], term: impl Fn($register, $register) -> $register) -> f32 {
                let len = a.len().min(b.len());
                let (whole, tail) = (len / LANES * LANES, len % LANES);
                let mut lanes = [$zero(); REGISTERS];
                let add_chunk = |lanes: &mut [$register; REGISTERS], x: &[f32], y: &[f32]| {
                    for (at, lane) in lanes.iter_mut().enumerate() {
                        let (x, y) = (&x[at * $width..][..$width], &y[at * $width..][..$width]);
                        // SAFETY: both slices hold exactly one register of floats.
                        let (x, y) = unsafe { ($load(x.as_ptr()), $load(y.as_ptr())) };
                        *lane = $add(*lane, term(x, y));
                    }
                };
                let (a_chunks, b_chunks) = (
                    a[..whole].chunks_exact(LANES),
                    b[..whole].chunks_exact(LANES),
                );
                for (x, y) in a_chunks.zip(b_chunks) {
                    add_chunk(&mut lanes, x, y);
                }
                if tail > 0 {
                    add_chunk(&mut lanes, &padded(&a[whole..len]), &padded(&b[whole..len]));
                }
                let mut flat = [0.0_f32; LANES];
                for (at, lane) in lanes.iter().enumerate() {
                    let place = &mut flat[at * $width..][..$width];
                    // SAFETY: the slice holds exactly one register of floats.
                    unsafe { $store(place.as_mut_ptr(), *lane) };
                }
                let sixteen: [f32; 16] = core::array::from_fn(|at| flat[at] + flat[at + 16]);
                fold_eight(core::array::from_fn(|at| sixteen[at] + sixteen[at + 8]))
            }

            #[target_feature(enable = $feature)]
            pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
                sum(a, b, |x, y| $mul(x, y))
            }

            #[target_feature(enable = $feature)]
            pub(super) fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
                sum(a, b, |x, y| {
                    let apart = $sub(x, y);
                    $mul(apart, apart)
                })
            }

            #[target_feature(enable = $feature)]
            pub(super) fn l1(a: &[f32], b: &[f32]) -> f32 {
                sum(a, b, |x, y| $abs($sub(x, y)))
            }
        }
    };
}

float_twins!(
    avx2,
    "avx2",
    __m256,
    8,
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    |x| _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(i32::MAX)))
);
float_twins!(
    avx512,
    "avx512f",
    __m512,
    16,
    _mm512_setzero_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    |x| _mm512_abs_ps(x)
);
