//! Every kernel as a plain loop: the meaning that the fast ones are tested against.

use crate::float::LANES;

/// Sums `terms` in the order that all float kernels share: term `i` goes to lane `i % 32`, and the
/// lanes are then added in halves (16 + 16, 8 + 8, ...).
pub fn sum_in_lanes(terms: impl Iterator<Item = f32>) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for (at, term) in terms.enumerate() {
        lanes[at % LANES] += term;
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// `Σ a·b`.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_in_lanes(a.iter().zip(b).map(|(x, y)| x * y))
}

/// `Σ (a-b)²`.
#[must_use]
pub fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
    sum_in_lanes(a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)))
}

/// `Σ |a-b|`.
#[must_use]
pub fn l1(a: &[f32], b: &[f32]) -> f32 {
    sum_in_lanes(a.iter().zip(b).map(|(x, y)| (x - y).abs()))
}

/// `Σ a·b` of a signed code (`a` read as two's complement) and an unsigned one.
#[must_use]
pub fn code_dot(a: &[u8], b: &[u8]) -> i32 {
    a.iter()
        .zip(b)
        .map(|(&x, &y)| i32::from(x as i8) * i32::from(y))
        .sum()
}

/// `Σ (a-b)²` of unsigned codes.
#[must_use]
pub fn code_squared_l2(a: &[u8], b: &[u8]) -> u32 {
    a.iter()
        .zip(b)
        .map(|(&x, &y)| u32::from(x.abs_diff(y)).pow(2))
        .sum()
}

/// `Σ |a-b|` of unsigned codes.
#[must_use]
pub fn code_l1(a: &[u8], b: &[u8]) -> u32 {
    a.iter()
        .zip(b)
        .map(|(&x, &y)| u32::from(x.abs_diff(y)))
        .sum()
}

/// Bits set in `a & b` and in `a | b`.
#[must_use]
pub fn overlap(a: &[u8], b: &[u8]) -> (u32, u32) {
    let both = a.iter().zip(b).map(|(x, y)| (x & y).count_ones()).sum();
    let either = a.iter().zip(b).map(|(x, y)| (x | y).count_ones()).sum();
    (both, either)
}

/// Bits that differ.
#[must_use]
pub fn hamming(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(x, y)| (x ^ y).count_ones()).sum()
}
