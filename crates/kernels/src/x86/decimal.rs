//! Decimals with AVX2: 32 bytes hold a number and what separates it from the next.

use alloc::vec::Vec;
use core::arch::x86_64::{
    _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_extract_epi64, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_min_epu8, _mm256_movemask_epi8,
    _mm256_packus_epi32, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_sub_epi8,
};

use crate::decimal::DecimalKernels;

/// Only handed out by [`DecimalKernels::at`], after AVX2 was detected.
pub(crate) static AVX2: DecimalKernels = DecimalKernels {
    // SAFETY: `Level::Avx2` was detected.
    list: |text, at, values| unsafe { list(text, at, values) },
};

/// Bytes in a register.
const WIDTH: usize = 32;

/// Most digits behind the point: powers of ten beyond are not exact.
const COUNT_MAX: u32 = 22;

/// Most digits behind the point when that before it is not 0: all of them fit an `i64`.
const COUNT_WITH_LEAD_MAX: u32 = 17;

/// The digits before the last sixteen may make up less than this, so that all fit an `i64`.
const HIGH_END: u64 = 900;

/// The powers of ten that `f64` holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The powers of ten of up to [`COUNT_WITH_LEAD_MAX`] digits; beyond, only a 0 is multiplied.
const INTEGER_POWERS: [u64; 23] = {
    let mut powers = [1; 23];
    let mut i = 1;
    while i <= COUNT_WITH_LEAD_MAX as usize {
        powers[i] = 10 * powers[i - 1];
        i += 1;
    }
    powers
};

/// Loaded from position `n` on: the last `n` bytes are set.
static LAST: [u8; 2 * WIDTH] = {
    let mut bytes = [0; 2 * WIDTH];
    let mut i = WIDTH;
    while i < bytes.len() {
        bytes[i] = 0xFF;
        i += 1;
    }
    bytes
};

/// Bits that an `f64` has more than an `f32`.
const EXTRA_BITS: u32 = 29;

#[target_feature(enable = "avx2")]
fn list(text: &[u8], at: usize, values: &mut Vec<f32>) -> usize {
    let mut behind = at;
    let mut start = at;
    while let Some((value, end)) = number(text, start) {
        values.push(value);
        behind = end;
        match text.get(end..end + 2) {
            Some([b',', b' ']) => start = end + 2,
            Some([b',', _]) => start = end + 1,
            _ => break,
        }
    }
    behind
}

/// The plain decimal at `start` and the position behind it.
#[inline]
#[target_feature(enable = "avx2")]
fn number(text: &[u8], start: usize) -> Option<(f32, usize)> {
    let window: &[u8; WIDTH] = text.get(start..)?.first_chunk()?;
    // SAFETY: the window has as many bytes as are loaded.
    let bytes = unsafe { _mm256_loadu_si256(window.as_ptr().cast()) };
    let zero = _mm256_set1_epi8(b'0' as i8);
    let offsets = _mm256_sub_epi8(bytes, zero);
    let small = _mm256_min_epu8(offsets, _mm256_set1_epi8(9));
    // One bit for each byte from here on.
    let digits = _mm256_movemask_epi8(_mm256_cmpeq_epi8(small, offsets)) as u32;
    let points = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'.' as i8));
    let points = _mm256_movemask_epi8(points) as u32;
    let up_to_point = points ^ points.wrapping_sub(1);
    let length = (!digits & !up_to_point).trailing_zeros();
    let point = points.trailing_zeros();
    let is_negative = window[0] == b'-';
    let first = u32::from(is_negative);
    // The number of digits behind the point; those before are one.
    let count = length.wrapping_sub(point).wrapping_sub(1);
    let is_plain = point == first + 1
        && (digits >> first) & 1 == 1
        && count.wrapping_sub(1) < COUNT_MAX
        && length < WIDTH as u32;
    if !is_plain {
        return None;
    }
    let lead = u64::from(window[first as usize] - b'0');
    let next = window[length as usize];
    if (lead != 0 && count > COUNT_WITH_LEAD_MAX) || matches!(next, b'e' | b'E') {
        return None;
    }
    let end = start + length as usize;
    let tail: &[u8; WIDTH] = text[..end].last_chunk()?;
    let (high, low) = digits_of(tail, count as usize);
    if high >= HIGH_END {
        return None;
    }
    let mantissa = lead * INTEGER_POWERS[count as usize] + high * 10_000_000_000_000_000 + low;
    // Below 2^63; signed integers convert in one instruction.
    let value = mantissa as i64 as f64 / POWERS[count as usize];
    let value = f64::from_bits(value.to_bits() | (u64::from(is_negative) << 63));
    Some((nearest(value)?, end))
}

/// The last `count` bytes, digits: those before the last sixteen, and these.
#[inline]
#[target_feature(enable = "avx2")]
fn digits_of(tail: &[u8; WIDTH], count: usize) -> (u64, u64) {
    let mask: &[u8; WIDTH] = LAST[count..].first_chunk().expect("a window of the mask");
    // SAFETY: both have as many bytes as are loaded.
    let (tail, mask) = unsafe {
        (
            _mm256_loadu_si256(tail.as_ptr().cast()),
            _mm256_loadu_si256(mask.as_ptr().cast()),
        )
    };
    let digits = _mm256_and_si256(_mm256_sub_epi8(tail, _mm256_set1_epi8(b'0' as i8)), mask);
    // Pairs, quadruples and groups of eight: 10·a + b, 100·a + b, 10000·a + b.
    let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010A));
    let quadruples = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
    let packed = _mm256_packus_epi32(quadruples, quadruples);
    let eights = _mm256_madd_epi16(packed, _mm256_set1_epi32(0x0001_2710));
    // The two groups of either half, the first in the lower bits.
    let (high, low) = (
        _mm256_extract_epi64::<0>(eights) as u64,
        _mm256_extract_epi64::<2>(eights) as u64,
    );
    // More than 24 digits are never asked for.
    let low = (low & 0xFFFF_FFFF) * 100_000_000 + (low >> 32);
    (high >> 32, low)
}

/// The `f32` nearest to the exact value, of which `value` is off by one unit in its last place at
/// most; `None` where that leaves two. Only next to the middle between two `f32` it does.
#[inline]
fn nearest(value: f64) -> Option<f32> {
    let beyond = value.to_bits() & ((1 << EXTRA_BITS) - 1);
    let middle = 1 << (EXTRA_BITS - 1);
    // Subnormal `f32` have their middles elsewhere.
    let is_normal = value.abs() >= f64::from(f32::MIN_POSITIVE) || value == 0.0;
    (is_normal && beyond.abs_diff(middle) > 2).then_some(value as f32)
}
