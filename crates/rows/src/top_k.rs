//! The best `k` of a stream of scored rows, with one order everywhere.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::RowId;

/// A row and its similarity to a query: larger is better (L2 scores are `-d²`, L1 `-Σ|d|`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// Which row.
    pub row: RowId,
    /// Its similarity; larger is better.
    pub score: f32,
}

impl Scored {
    /// Best first; ties by ascending row; a NaN score is worse than every number.
    #[must_use]
    pub fn best_first(&self, other: &Self) -> core::cmp::Ordering {
        rank_key(other.row, other.score).cmp(&rank_key(self.row, self.score))
    }
}

/// A key whose order is the order of results: the larger the key, the better the row.
///
/// The upper half orders scores (`-0.0` equals `0.0`, NaN below everything), the lower half puts
/// the smaller row first. Comparing one integer instead of a float and a tie-break keeps the
/// collector branch-free and the order total.
#[inline]
#[must_use]
pub fn rank_key(row: RowId, score: f32) -> u64 {
    let ordered = if score.is_nan() {
        0
    } else {
        // Adding zero turns -0.0 into 0.0. Then: flip all bits of negatives, the sign of others.
        let bits = (score + 0.0).to_bits();
        if bits >> 31 == 1 {
            !bits
        } else {
            bits | 1 << 31
        }
    };
    u64::from(ordered) << 32 | u64::from(!row.0)
}

/// The score that a [`rank_key`] was made of; `-0.0` comes back as `0.0`.
#[inline]
#[must_use]
pub fn rank_score(key: u64) -> f32 {
    match (key >> 32) as u32 {
        0 => f32::NAN,
        bits if bits >> 31 == 1 => f32::from_bits(bits & !(1 << 31)),
        bits => f32::from_bits(!bits),
    }
}

fn scored(key: u64) -> Scored {
    Scored {
        row: RowId(!(key as u32)),
        score: rank_score(key),
    }
}

/// Collects the `k` best rows offered to it. The outcome does not depend on the order of offers.
#[derive(Clone, Debug)]
pub struct TopK {
    // Worst on top: the hot question is "does this beat the worst kept row?".
    kept: BinaryHeap<Reverse<u64>>,
    k: usize,
}

impl TopK {
    /// A collector of the `k` best. With `k == 0` it keeps nothing.
    #[must_use]
    pub fn new(k: usize) -> Self {
        // `k` may be "all": the allocation must follow what arrives, not what was asked.
        Self {
            kept: BinaryHeap::with_capacity(k.min(1024)),
            k,
        }
    }

    /// Offers a row; returns whether it is kept for now.
    #[inline]
    pub fn offer(&mut self, row: RowId, score: f32) -> bool {
        let key = rank_key(row, score);
        if self.kept.len() < self.k {
            self.kept.push(Reverse(key));
            return true;
        }
        match self.kept.peek_mut() {
            Some(mut worst) if worst.0 < key => {
                *worst = Reverse(key);
                true
            }
            Some(_) | None => false,
        }
    }

    /// The score that a row must beat (or equal with a smaller id) once `k` rows are kept.
    #[must_use]
    pub fn threshold(&self) -> Option<f32> {
        if self.kept.len() < self.k {
            return None;
        }
        self.kept.peek().map(|worst| scored(worst.0).score)
    }

    /// Number of rows kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether no row is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The kept rows, best first; ties by ascending row.
    #[must_use]
    pub fn into_sorted(self) -> Vec<Scored> {
        // Ascending order of the reversed keys is descending order of the keys.
        self.kept
            .into_sorted_vec()
            .into_iter()
            .map(|key| scored(key.0))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn collect(k: usize, offers: &[(u32, f32)]) -> Vec<(u32, f32)> {
        let mut top = TopK::new(k);
        for &(row, score) in offers {
            top.offer(RowId(row), score);
        }
        top.into_sorted()
            .into_iter()
            .map(|hit| (hit.row.0, hit.score))
            .collect()
    }

    #[test]
    fn ties_go_to_the_smaller_row() {
        let offers = [(7, 1.0), (3, 1.0), (5, 2.0), (1, -0.0), (0, 0.0)];
        assert_eq!(collect(2, &offers), vec![(5, 2.0), (3, 1.0)]);
        assert_eq!(collect(5, &offers)[3..], [(0, 0.0), (1, 0.0)]);
        assert!(collect(0, &offers).is_empty());
    }

    #[test]
    fn nan_is_worse_than_everything() {
        let kept = collect(3, &[(0, f32::NAN), (1, f32::NEG_INFINITY), (2, -1.0)]);
        assert_eq!(kept[0], (2, -1.0));
        assert_eq!(kept[1], (1, f32::NEG_INFINITY));
        assert!(kept[2].1.is_nan());
    }

    #[test]
    fn threshold_is_known_when_full() {
        let mut top = TopK::new(2);
        assert!(top.offer(RowId(0), 1.0));
        assert_eq!(top.threshold(), None);
        assert!(top.offer(RowId(1), 3.0));
        assert_eq!(top.threshold(), Some(1.0));
        assert!(!top.offer(RowId(2), 1.0));
        assert!(top.offer(RowId(3), 2.0));
        assert_eq!(top.threshold(), Some(2.0));
        assert_eq!(top.len(), 2);
    }

    proptest! {
        #[test]
        fn equals_sorting_everything(
            scores in proptest::collection::vec(-4_i8..4, 0..80),
            k in 0_usize..20,
            rotate in 0_usize..80,
        ) {
            let mut all: Vec<(u32, f32)> =
                scores.iter().enumerate().map(|(row, &s)| (row as u32, f32::from(s))).collect();
            let mut shuffled = all.clone();
            if !shuffled.is_empty() {
                let by = rotate % shuffled.len();
                shuffled.rotate_left(by);
            }
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            all.truncate(k);
            prop_assert_eq!(collect(k, &shuffled), all);
        }
    }
}
