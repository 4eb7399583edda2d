//! Bit counting with the POPCNT instruction, which the baseline lacks.

use crate::bits::{self, BitKernels, count};

/// Only handed out by [`BitKernels::at`], after POPCNT was detected.
pub(crate) static POPCNT: BitKernels = BitKernels {
    // SAFETY: `Level::Avx2` includes POPCNT and was detected.
    hamming: |a, b| unsafe { hamming(a, b) },
    // SAFETY: as above.
    overlap: |a, b| unsafe { overlap(a, b) },
    // SAFETY: as above.
    plane_distance: |planes, plane| unsafe { plane_distance(planes, plane) },
    // SAFETY: as above.
    paired_distance: |planes, signs, order| unsafe { paired_distance(planes, signs, order) },
};

#[target_feature(enable = "popcnt")]
fn hamming(a: &[u8], b: &[u8]) -> u32 {
    count(a, b, |x, y| [x ^ y])[0]
}

#[target_feature(enable = "popcnt")]
fn overlap(a: &[u8], b: &[u8]) -> (u32, u32) {
    count(a, b, |x, y| [x & y, x | y]).into()
}

#[target_feature(enable = "popcnt")]
fn plane_distance(planes: &[u8], plane: &[u8]) -> u32 {
    bits::plane_distance(planes, plane)
}

#[target_feature(enable = "popcnt")]
fn paired_distance(planes: &[u8], signs: &[u8], order: &[u8]) -> u32 {
    bits::paired_distance(planes, signs, order)
}
