//! Code kernels for AVX2: bytes are widened to 16 bits, where products cannot saturate.

use core::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi16,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_sad_epu8, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm256_sub_epi16,
};

use crate::code::{CodeKernels, check};

/// Only handed out by [`CodeKernels::at`], after AVX2 was detected.
pub(crate) static KERNELS: CodeKernels = CodeKernels {
    // SAFETY: AVX2 was detected.
    dot: |query, row| unsafe { dot(query, [row]) }[0],
    // SAFETY: as above.
    dot4: |query, rows| unsafe { dot(query, rows) },
    // SAFETY: as above.
    squared_l2: |query, row| unsafe { squared_l2(query, [row]) }[0] as u32,
    // SAFETY: as above.
    squared_l2x4: |query, rows| unsafe { squared_l2(query, rows) }.map(|sum| sum as u32),
    // SAFETY: as above.
    l1: |query, row| unsafe { l1(query, [row]) }[0] as u32,
    // SAFETY: as above.
    l1x4: |query, rows| unsafe { l1(query, rows) }.map(|sum| sum as u32),
};

#[target_feature(enable = "avx2")]
fn dot<const N: usize>(query: &[u8], rows: [&[u8]; N]) -> [i32; N] {
    let len = check(query, rows);
    let mut sums = [_mm256_setzero_si256(); N];
    for at in (0..len).step_by(16) {
        // SAFETY: `check` made every slice `len` bytes long, a multiple of 64, and `at < len`.
        let q = unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(query.as_ptr().add(at).cast())) };
        for n in 0..N {
            // SAFETY: as above.
            let r =
                unsafe { _mm256_cvtepu8_epi16(_mm_loadu_si128(rows[n].as_ptr().add(at).cast())) };
            sums[n] = _mm256_add_epi32(sums[n], _mm256_madd_epi16(q, r));
        }
    }
    fold(sums)
}

#[target_feature(enable = "avx2")]
fn squared_l2<const N: usize>(query: &[u8], rows: [&[u8]; N]) -> [i32; N] {
    let len = check(query, rows);
    let mut sums = [_mm256_setzero_si256(); N];
    for at in (0..len).step_by(16) {
        // SAFETY: `check` made every slice `len` bytes long, a multiple of 64, and `at < len`.
        let q = unsafe { _mm256_cvtepu8_epi16(_mm_loadu_si128(query.as_ptr().add(at).cast())) };
        for n in 0..N {
            // SAFETY: as above.
            let r =
                unsafe { _mm256_cvtepu8_epi16(_mm_loadu_si128(rows[n].as_ptr().add(at).cast())) };
            let apart = _mm256_sub_epi16(q, r);
            sums[n] = _mm256_add_epi32(sums[n], _mm256_madd_epi16(apart, apart));
        }
    }
    fold(sums)
}

#[target_feature(enable = "avx2")]
fn l1<const N: usize>(query: &[u8], rows: [&[u8]; N]) -> [i32; N] {
    let len = check(query, rows);
    let mut sums = [_mm256_setzero_si256(); N];
    for at in (0..len).step_by(32) {
        // SAFETY: `check` made every slice `len` bytes long, a multiple of 64, and `at < len`.
        let q = unsafe { _mm256_loadu_si256(query.as_ptr().add(at).cast()) };
        for n in 0..N {
            // SAFETY: as above.
            let r = unsafe { _mm256_loadu_si256(rows[n].as_ptr().add(at).cast()) };
            sums[n] = _mm256_add_epi32(sums[n], _mm256_sad_epu8(q, r));
        }
    }
    fold(sums)
}

/// Adds up each register's eight 32-bit lanes, wrapping.
#[inline]
#[target_feature(enable = "avx2")]
fn fold<const N: usize>(sums: [__m256i; N]) -> [i32; N] {
    let mut totals = [0; N];
    for n in 0..N {
        let mut lanes = [0_i32; 8];
        // SAFETY: the array is as large as the register.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums[n]) };
        for lane in lanes {
            totals[n] = i32::wrapping_add(totals[n], lane);
        }
    }
    totals
}
