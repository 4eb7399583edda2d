//! Code kernels for AVX-512 with VNNI: 64 components per instruction, summed in 32 bits.

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_dpwssd_epi32, _mm512_loadu_si512,
    _mm512_max_epu8, _mm512_min_epu8, _mm512_reduce_add_epi32, _mm512_sad_epu8,
    _mm512_setzero_si512, _mm512_sub_epi8, _mm512_unpackhi_epi8, _mm512_unpacklo_epi8,
};

use crate::code::{BLOCK_BYTES, CodeKernels, check};

/// Only handed out by [`CodeKernels::at`], after AVX-512 BW and VNNI were detected.
pub(crate) static KERNELS: CodeKernels = CodeKernels {
    // SAFETY: the instructions were detected.
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

/// Applies `step(sum, query block, row block)` over all blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn sum<const N: usize>(
    query: &[u8],
    rows: [&[u8]; N],
    step: impl Fn(__m512i, __m512i, __m512i) -> __m512i,
) -> [i32; N] {
    let len = check(query, rows);
    let mut sums = [_mm512_setzero_si512(); N];
    for at in (0..len).step_by(BLOCK_BYTES) {
        // SAFETY: `check` made every slice `len` bytes long, a multiple of 64, and `at < len`.
        let q = unsafe { _mm512_loadu_si512(query.as_ptr().add(at).cast()) };
        for n in 0..N {
            // SAFETY: as above.
            let r = unsafe { _mm512_loadu_si512(rows[n].as_ptr().add(at).cast()) };
            sums[n] = step(sums[n], q, r);
        }
    }
    // Plain loops here and above: iterator adapters know nothing of the instruction set, so what
    // is passed through them is not inlined.
    let mut totals = [0; N];
    for n in 0..N {
        totals[n] = _mm512_reduce_add_epi32(sums[n]);
    }
    totals
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot<const N: usize>(query: &[u8], rows: [&[u8]; N]) -> [i32; N] {
    sum(query, rows, |sum, q, r| _mm512_dpbusd_epi32(sum, r, q))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn squared_l2<const N: usize>(query: &[u8], rows: [&[u8]; N]) -> [i32; N] {
    sum(query, rows, |sum, q, r| {
        // A difference of unsigned bytes needs nine bits signed, eight without its sign.
        let apart = _mm512_sub_epi8(_mm512_max_epu8(q, r), _mm512_min_epu8(q, r));
        let zero = _mm512_setzero_si512();
        let (low, high) = (
            _mm512_unpacklo_epi8(apart, zero),
            _mm512_unpackhi_epi8(apart, zero),
        );
        _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(sum, low, low), high, high)
    })
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn l1<const N: usize>(query: &[u8], rows: [&[u8]; N]) -> [i32; N] {
    sum(query, rows, |sum, q, r| {
        _mm512_add_epi32(sum, _mm512_sad_epu8(q, r))
    })
}
