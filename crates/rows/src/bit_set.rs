//! Rows as one flat array of bits: a membership test is one load.

use alloc::vec;
use alloc::vec::Vec;

use crate::RowId;

const WORD_BITS: usize = u64::BITS as usize;

/// A set over the rows `0..universe` of one segment, one bit per row.
///
/// Memory is `universe / 8` bytes whatever the set holds. Use it where membership is asked in an
/// inner loop (visited, allowed); use [`crate::RowSet`] to keep or combine sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitSet {
    words: Vec<u64>,
    universe: usize,
}

impl BitSet {
    /// The empty set over `0..universe`.
    #[must_use]
    pub fn new(universe: usize) -> Self {
        Self {
            words: vec![0; universe.div_ceil(WORD_BITS)],
            universe,
        }
    }

    /// The set of all rows `0..universe`.
    #[must_use]
    pub fn full(universe: usize) -> Self {
        let mut set = Self {
            words: vec![u64::MAX; universe.div_ceil(WORD_BITS)],
            universe,
        };
        set.trim();
        set
    }

    /// A set over `0..universe` with the rows of `rows` that lie in it.
    pub fn from_rows(universe: usize, rows: impl IntoIterator<Item = RowId>) -> Self {
        let mut set = Self::new(universe);
        for row in rows {
            if row.index() < universe {
                set.insert(row);
            }
        }
        set
    }

    /// Number of rows that the set ranges over (not the number it holds).
    #[must_use]
    pub fn universe(&self) -> usize {
        self.universe
    }

    /// Whether `row` is in the set. Rows outside the universe are not.
    #[inline]
    #[must_use]
    pub fn contains(&self, row: RowId) -> bool {
        match self.words.get(row.index() / WORD_BITS) {
            Some(word) => word >> (row.index() % WORD_BITS) & 1 == 1,
            None => false,
        }
    }

    /// Adds `row`; returns whether it was absent.
    ///
    /// # Panics
    /// When `row` lies outside the universe.
    #[inline]
    pub fn insert(&mut self, row: RowId) -> bool {
        debug_assert!(
            row.index() < self.universe,
            "{row} outside 0..{}",
            self.universe
        );
        let word = &mut self.words[row.index() / WORD_BITS];
        let bit = 1 << (row.index() % WORD_BITS);
        let absent = *word & bit == 0;
        *word |= bit;
        absent
    }

    /// Removes `row`; returns whether it was present. Rows outside the universe are not.
    pub fn remove(&mut self, row: RowId) -> bool {
        let Some(word) = self.words.get_mut(row.index() / WORD_BITS) else {
            return false;
        };
        let bit = 1 << (row.index() % WORD_BITS);
        let present = *word & bit != 0;
        *word &= !bit;
        present
    }

    /// Empties the set and lets it range over `0..universe`, keeping its allocation.
    pub fn reset(&mut self, universe: usize) {
        self.words.clear();
        self.words.resize(universe.div_ceil(WORD_BITS), 0);
        self.universe = universe;
    }

    /// Number of rows in the set. Reads every word.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Whether the set holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Keeps the rows that are also in `other`.
    pub fn intersect_with(&mut self, other: &Self) {
        for (at, word) in self.words.iter_mut().enumerate() {
            *word &= other.words.get(at).copied().unwrap_or(0);
        }
    }

    /// Adds the rows of `other` that lie in this universe.
    pub fn union_with(&mut self, other: &Self) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
        self.trim();
    }

    /// Removes the rows of `other`.
    pub fn subtract(&mut self, other: &Self) {
        for (word, less) in self.words.iter_mut().zip(&other.words) {
            *word &= !less;
        }
    }

    /// Removes every row of `rows`; rows outside the universe are passed over.
    pub fn remove_all(&mut self, rows: impl IntoIterator<Item = RowId>) {
        for row in rows {
            self.remove(row);
        }
    }

    /// Replaces the set by the rows of the universe that were not in it.
    pub fn complement(&mut self) {
        for word in &mut self.words {
            *word = !*word;
        }
        self.trim();
    }

    /// The rows of the set, ascending.
    #[must_use]
    pub fn iter(&self) -> BitSetIter<'_> {
        let (first, rest) = match self.words.split_first() {
            Some((first, rest)) => (*first, rest),
            None => (0, &[][..]),
        };
        BitSetIter {
            word: first,
            base: 0,
            rest,
        }
    }

    /// The raw words: row `r` is bit `r % 64` of word `r / 64`.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Clears the bits behind the universe: every other method relies on them being zero.
    fn trim(&mut self) {
        let tail_bits = self.universe % WORD_BITS;
        if tail_bits != 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << tail_bits) - 1;
        }
    }
}

impl<'a> IntoIterator for &'a BitSet {
    type Item = RowId;
    type IntoIter = BitSetIter<'a>;

    fn into_iter(self) -> BitSetIter<'a> {
        self.iter()
    }
}

/// The rows of a [`BitSet`], ascending.
#[derive(Clone, Debug)]
pub struct BitSetIter<'a> {
    word: u64,
    base: u32,
    rest: &'a [u64],
}

impl Iterator for BitSetIter<'_> {
    type Item = RowId;

    fn next(&mut self) -> Option<RowId> {
        while self.word == 0 {
            let (next, rest) = self.rest.split_first()?;
            self.word = *next;
            self.rest = rest;
            self.base += u64::BITS;
        }
        let bit = self.word.trailing_zeros();
        self.word &= self.word - 1;
        Some(RowId(self.base + bit))
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_tree_set(
            universe in 0_usize..300,
            left in proptest::collection::btree_set(0_u32..300, 0..60),
            right in proptest::collection::btree_set(0_u32..300, 0..60),
        ) {
            let inside = |rows: &BTreeSet<u32>| -> BTreeSet<u32> {
                rows.iter().copied().filter(|&row| (row as usize) < universe).collect()
            };
            let (a, b) = (inside(&left), inside(&right));
            let set = |rows: &BTreeSet<u32>| {
                BitSet::from_rows(universe, rows.iter().map(|&row| RowId(row)))
            };
            let rows = |set: &BitSet| set.iter().map(|row| row.0).collect::<BTreeSet<_>>();

            prop_assert_eq!(rows(&set(&left)), a.clone());
            prop_assert_eq!(set(&left).count(), a.len());
            prop_assert_eq!(set(&left).is_empty(), a.is_empty());
            for row in 0..320 {
                prop_assert_eq!(set(&left).contains(RowId(row)), a.contains(&row));
            }
            let mut both = set(&left);
            both.intersect_with(&set(&right));
            prop_assert_eq!(rows(&both), &a & &b);
            let mut either = set(&left);
            either.union_with(&set(&right));
            prop_assert_eq!(rows(&either), &a | &b);
            let mut less = set(&left);
            less.subtract(&set(&right));
            prop_assert_eq!(rows(&less), &a - &b);
            let mut not = set(&left);
            not.complement();
            let all: BTreeSet<u32> = (0..universe as u32).collect();
            prop_assert_eq!(rows(&not), &all - &a);
            prop_assert_eq!(BitSet::full(universe).count(), universe);
        }
    }

    #[test]
    fn insert_and_remove_say_what_changed() {
        let mut set = BitSet::new(70);
        assert!(set.insert(RowId(69)));
        assert!(!set.insert(RowId(69)));
        assert!(set.remove(RowId(69)));
        assert!(!set.remove(RowId(69)));
        assert!(!set.remove(RowId(7000)));
        set.insert(RowId(3));
        set.reset(10);
        assert!(set.is_empty());
        assert_eq!(set.universe(), 10);
    }

    #[test]
    fn a_union_stays_inside_the_universe() {
        let mut small = BitSet::new(3);
        small.union_with(&BitSet::full(64));
        assert_eq!(small.count(), 3);
    }
}
