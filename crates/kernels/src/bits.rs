//! Distances of bit-packed vectors: slices of bytes of equal length, bit order irrelevant.
//!
//! All counts are exact; a fraction is one division of two exact counts, so results are equal to
//! the bit everywhere.

use crate::Level;

/// The counting kernels of one [`Level`]. Slices of unequal length panic.
#[derive(Clone, Copy, Debug)]
pub struct BitKernels {
    /// Number of bits that differ.
    pub hamming: fn(&[u8], &[u8]) -> u32,
    /// Number of bits set in both, number of bits set in either.
    pub overlap: fn(&[u8], &[u8]) -> (u32, u32),
}

impl BitKernels {
    /// The kernels of the best level of this processor.
    #[must_use]
    pub fn best() -> &'static Self {
        Self::at(Level::detect()).unwrap_or(&PORTABLE)
    }

    /// The kernels of `level`; `None` when this processor or build lacks it.
    #[must_use]
    pub fn at(level: Level) -> Option<&'static Self> {
        if !level.is_available() {
            return None;
        }
        match level {
            Level::Portable => Some(&PORTABLE),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::Avx512 => Some(&crate::x86::bits::POPCNT),
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => None,
        }
    }

    /// Hamming distance: number of bits that differ.
    #[must_use]
    pub fn hamming(&self, query: &[u8], row: &[u8]) -> f32 {
        (self.hamming)(query, row) as f32
    }

    /// Jaccard distance: one minus bits in both over bits in either; 0 for two empty vectors.
    #[must_use]
    pub fn jaccard(&self, query: &[u8], row: &[u8]) -> f32 {
        1.0 - self.jaccard_similarity(query, row)
    }

    /// Tanimoto distance as Milvus defines it: `-log2` of the Jaccard similarity; infinite when
    /// no bit is shared, 0 for two empty vectors.
    #[must_use]
    pub fn tanimoto(&self, query: &[u8], row: &[u8]) -> f32 {
        // `0 - x` rather than `-x`: the distance of equal vectors is 0.0, not -0.0.
        0.0 - libm::log2f(self.jaccard_similarity(query, row))
    }

    /// 0 when the row has every bit of the query, else 1.
    #[must_use]
    pub fn substructure(&self, query: &[u8], row: &[u8]) -> f32 {
        flag(contains_all(row, query))
    }

    /// 0 when the query has every bit of the row, else 1.
    #[must_use]
    pub fn superstructure(&self, query: &[u8], row: &[u8]) -> f32 {
        flag(contains_all(query, row))
    }

    fn jaccard_similarity(&self, query: &[u8], row: &[u8]) -> f32 {
        match (self.overlap)(query, row) {
            (_, 0) => 1.0,
            (both, either) => both as f32 / either as f32,
        }
    }
}

fn flag(holds: bool) -> f32 {
    if holds { 0.0 } else { 1.0 }
}

fn contains_all(whole: &[u8], part: &[u8]) -> bool {
    assert_eq!(whole.len(), part.len(), "bit vectors of different lengths");
    whole
        .iter()
        .zip(part)
        .all(|(whole, part)| part & !whole == 0)
}

static PORTABLE: BitKernels = BitKernels {
    hamming: |a, b| count(a, b, |x, y| [x ^ y])[0],
    overlap: |a, b| count(a, b, |x, y| [x & y, x | y]).into(),
};

/// Counts the bits of `combine` over all words; the last, short word has zeros behind it.
#[inline(always)]
pub(crate) fn count<const N: usize>(
    a: &[u8],
    b: &[u8],
    combine: impl Fn(u64, u64) -> [u64; N],
) -> [u32; N] {
    assert_eq!(a.len(), b.len(), "bit vectors of different lengths");
    let mut counts = [0; N];
    let mut add = |x: u64, y: u64| {
        for (count, word) in counts.iter_mut().zip(combine(x, y)) {
            *count += word.count_ones();
        }
    };
    let (a_words, a_tail) = a.as_chunks::<8>();
    let (b_words, b_tail) = b.as_chunks::<8>();
    for (x, y) in a_words.iter().zip(b_words) {
        add(u64::from_le_bytes(*x), u64::from_le_bytes(*y));
    }
    let (mut x, mut y) = ([0; 8], [0; 8]);
    x[..a_tail.len()].copy_from_slice(a_tail);
    y[..b_tail.len()].copy_from_slice(b_tail);
    add(u64::from_le_bytes(x), u64::from_le_bytes(y));
    counts
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::scalar;

    proptest! {
        #[test]
        fn every_level_equals_the_scalar_twin(
            pairs in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..100),
        ) {
            let (a, b): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
            for level in Level::ALL {
                let Some(kernels) = BitKernels::at(level) else { continue };
                prop_assert_eq!((kernels.hamming)(&a, &b), scalar::hamming(&a, &b));
                prop_assert_eq!((kernels.overlap)(&a, &b), scalar::overlap(&a, &b));
            }
        }
    }

    #[test]
    fn distances_by_hand() {
        let kernels = BitKernels::best();
        let (query, row) = ([0b0000_0011_u8], [0b0000_0111_u8]);
        assert_eq!(kernels.hamming(&query, &row), 1.0);
        assert_eq!(kernels.jaccard(&query, &row), 1.0 - 2.0 / 3.0);
        assert!((kernels.tanimoto(&query, &row) - 1.5_f32.log2()).abs() < 1e-6);
        assert_eq!(kernels.substructure(&query, &row), 0.0);
        assert_eq!(kernels.superstructure(&query, &row), 1.0);
        assert_eq!(kernels.superstructure(&row, &query), 0.0);
    }

    #[test]
    fn empty_vectors_are_equal_and_disjoint_ones_infinitely_far() {
        let kernels = BitKernels::best();
        assert_eq!(kernels.jaccard(&[0; 3], &[0; 3]), 0.0);
        assert_eq!(
            kernels.tanimoto(&[0; 3], &[0; 3]).to_bits(),
            0.0_f32.to_bits()
        );
        assert_eq!(kernels.jaccard(&[1], &[2]), 1.0);
        assert_eq!(kernels.tanimoto(&[1], &[2]), f32::INFINITY);
    }
}
