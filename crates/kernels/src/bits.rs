//! Distances of bit-packed vectors: slices of bytes of equal length, bit order irrelevant.
//!
//! All counts are exact; a fraction is one division of two exact counts, so results are equal to
//! the bit everywhere.

use crate::Level;
use crate::level::Forms;

/// The counting kernels of one [`Level`]. Slices of unequal length panic.
#[derive(Clone, Copy, Debug)]
pub struct BitKernels {
    /// Number of bits that differ.
    pub hamming: fn(&[u8], &[u8]) -> u32,
    /// Number of bits set in both, number of bits set in either.
    pub overlap: fn(&[u8], &[u8]) -> (u32, u32),
    /// Hamming distance of one plane of bits from each of several, the first (lowest) counted
    /// once, the next twice, then four times and so on: `Σ 2ⁱ · |plane ⊕ planes[i]|`. The planes
    /// follow one another, each as long as the single one; at most 8 planes of 8 KiB.
    pub plane_distance: fn(planes: &[u8], plane: &[u8]) -> u32,
    /// [`BitKernels::plane_distance`] of a plane given by its signs and half as many bits of
    /// order: a bit of the plane's first half is `sign ⊕ order ⊕ 1`, one of its second half
    /// `sign ⊕ order`. Lengths of signs are multiples of 16.
    pub paired_distance: fn(planes: &[u8], signs: &[u8], order: &[u8]) -> u32,
}

impl BitKernels {
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

static FORMS: Forms<BitKernels> = Forms {
    portable: &PORTABLE,
    #[cfg(target_arch = "x86_64")]
    avx2: &crate::x86::bits::POPCNT,
    #[cfg(target_arch = "x86_64")]
    avx512: &crate::x86::bits::POPCNT,
};

static PORTABLE: BitKernels = BitKernels {
    hamming: |a, b| count(a, b, |x, y| [x ^ y])[0],
    overlap: |a, b| count(a, b, |x, y| [x & y, x | y]).into(),
    plane_distance,
    paired_distance,
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

/// The loop behind [`BitKernels::plane_distance`].
#[inline(always)]
pub(crate) fn plane_distance(planes: &[u8], plane: &[u8]) -> u32 {
    assert!(
        plane.len().is_multiple_of(8) && planes.len().is_multiple_of(plane.len().max(8)),
        "planes of different lengths"
    );
    let words = plane.as_chunks::<8>().0;
    weighted(planes, words.len(), |at| u64::from_le_bytes(words[at]))
}

/// The loop behind [`BitKernels::paired_distance`].
#[inline(always)]
pub(crate) fn paired_distance(planes: &[u8], signs: &[u8], order: &[u8]) -> u32 {
    assert!(
        signs.len().is_multiple_of(16)
            && order.len() == signs.len() / 2
            && planes.len().is_multiple_of(signs.len().max(8)),
        "planes of different lengths"
    );
    let (signs, order) = (signs.as_chunks::<8>().0, order.as_chunks::<8>().0);
    let half = order.len();
    weighted(planes, signs.len(), |at| {
        let (order, flip) = match at.checked_sub(half) {
            None => (order[at], u64::MAX),
            Some(at) => (order[at], 0),
        };
        u64::from_le_bytes(signs[at]) ^ u64::from_le_bytes(order) ^ flip
    })
}

/// `Σ 2ⁱ · |plane ⊕ planes[i]|` of a plane of `words` words.
#[inline(always)]
fn weighted(planes: &[u8], words: usize, plane: impl Fn(usize) -> u64) -> u32 {
    let mut sum = 0;
    for (at, bits) in planes.chunks_exact(words.max(1) * 8).enumerate() {
        let mut count = 0;
        for (at, word) in bits.as_chunks::<8>().0.iter().enumerate() {
            count += (u64::from_le_bytes(*word) ^ plane(at)).count_ones();
        }
        sum += count << at;
    }
    sum
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

    proptest! {
        #[test]
        fn weighted_planes_equal_the_scalar_twin(
            plane in proptest::collection::vec(any::<u8>(), 1..40),
            seed in any::<u8>(),
            planes in 1_usize..=8,
        ) {
            let signs: Vec<u8> = plane.iter().copied().cycle().take(plane.len() * 16).collect();
            let order: Vec<u8> = signs.iter().take(signs.len() / 2).map(|x| x ^ seed).collect();
            let query: Vec<u8> =
                (0..signs.len() * planes).map(|at| (at as u8).wrapping_mul(seed | 1)).collect();
            let each = || query.chunks_exact(signs.len()).enumerate();
            let expected: u32 = each().map(|(at, q)| scalar::hamming(q, &signs) << at).sum();
            let half = order.len();
            let pairs: Vec<u8> = signs
                .iter()
                .enumerate()
                .map(|(at, sign)| {
                    if at < half { !(sign ^ order[at]) } else { sign ^ order[at - half] }
                })
                .collect();
            let paired: u32 = each().map(|(at, q)| scalar::hamming(q, &pairs) << at).sum();
            for level in Level::ALL {
                let Some(kernels) = BitKernels::at(level) else { continue };
                prop_assert_eq!((kernels.plane_distance)(&query, &signs), expected);
                prop_assert_eq!((kernels.paired_distance)(&query, &signs, &order), paired);
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
