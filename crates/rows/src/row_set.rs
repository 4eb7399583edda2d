//! An immutable compressed set of rows, cheap to clone and to combine.

use alloc::sync::Arc;
use core::fmt;

use roaring::RoaringBitmap;

use crate::{BitSet, RowId};

/// A set of rows of one segment, compressed (a roaring bitmap) and shared.
///
/// Cloning copies a pointer. [`RowSet::insert`] and [`RowSet::remove`] copy the bitmap first when
/// it is shared, so a reader that holds the set never sees it change.
#[derive(Clone, Default, PartialEq)]
pub struct RowSet {
    bitmap: Arc<RoaringBitmap>,
}

impl RowSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The set `0..rows`.
    #[must_use]
    pub fn full(rows: u32) -> Self {
        let mut bitmap = RoaringBitmap::new();
        bitmap.insert_range(0..rows);
        bitmap.into()
    }

    /// A set of rows given in strictly ascending order; `None` when they are not.
    pub fn from_ascending(rows: impl IntoIterator<Item = RowId>) -> Option<Self> {
        RoaringBitmap::from_sorted_iter(rows.into_iter().map(|row| row.0))
            .ok()
            .map(Self::from)
    }

    /// Whether `row` is in the set. Logarithmic; in inner loops use [`RowSet::to_bits`].
    #[must_use]
    pub fn contains(&self, row: RowId) -> bool {
        self.bitmap.contains(row.0)
    }

    /// Number of rows in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bitmap.len() as usize
    }

    /// Whether the set holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bitmap.is_empty()
    }

    /// The rows, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = RowId> + '_ {
        self.bitmap.iter().map(RowId)
    }

    /// Adds `row`; returns whether it was absent.
    pub fn insert(&mut self, row: RowId) -> bool {
        Arc::make_mut(&mut self.bitmap).insert(row.0)
    }

    /// Removes `row`; returns whether it was present.
    pub fn remove(&mut self, row: RowId) -> bool {
        Arc::make_mut(&mut self.bitmap).remove(row.0)
    }

    /// The rows in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        (&*self.bitmap & &*other.bitmap).into()
    }

    /// The rows in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        (&*self.bitmap | &*other.bitmap).into()
    }

    /// The rows of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        (&*self.bitmap - &*other.bitmap).into()
    }

    /// The rows of `0..rows` that are not in the set.
    #[must_use]
    pub fn complement(&self, rows: u32) -> Self {
        Self::full(rows).difference(self)
    }

    /// Number of rows in both sets, without building the set.
    #[must_use]
    pub fn intersection_len(&self, other: &Self) -> usize {
        self.bitmap.intersection_len(&other.bitmap) as usize
    }

    /// The set as flat bits over `0..universe`; rows outside are dropped.
    #[must_use]
    pub fn to_bits(&self, universe: usize) -> BitSet {
        BitSet::from_rows(universe, self.iter())
    }
}

impl From<RoaringBitmap> for RowSet {
    fn from(bitmap: RoaringBitmap) -> Self {
        Self {
            bitmap: Arc::new(bitmap),
        }
    }
}

impl From<&BitSet> for RowSet {
    fn from(bits: &BitSet) -> Self {
        bits.iter().collect()
    }
}

impl FromIterator<RowId> for RowSet {
    fn from_iter<I: IntoIterator<Item = RowId>>(rows: I) -> Self {
        rows.into_iter()
            .map(|row| row.0)
            .collect::<RoaringBitmap>()
            .into()
    }
}

impl fmt::Debug for RowSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.bitmap.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn set(rows: &BTreeSet<u32>) -> RowSet {
        rows.iter().map(|&row| RowId(row)).collect()
    }

    fn rows(set: &RowSet) -> BTreeSet<u32> {
        set.iter().map(|row| row.0).collect()
    }

    proptest! {
        #[test]
        fn agrees_with_a_tree_set(
            a in proptest::collection::btree_set(0_u32..70_000, 0..50),
            b in proptest::collection::btree_set(0_u32..70_000, 0..50),
        ) {
            let (left, right) = (set(&a), set(&b));
            prop_assert_eq!(rows(&left.intersection(&right)), &a & &b);
            prop_assert_eq!(left.intersection_len(&right), (&a & &b).len());
            prop_assert_eq!(rows(&left.union(&right)), &a | &b);
            prop_assert_eq!(rows(&left.difference(&right)), &a - &b);
            prop_assert_eq!(left.complement(70_000).len(), 70_000 - a.len());
            prop_assert_eq!(left.to_bits(70_000).count(), a.len());
            prop_assert_eq!(RowSet::from(&left.to_bits(70_000)), left.clone());
            prop_assert_eq!(RowSet::from_ascending(left.iter()), Some(left));
        }
    }

    #[test]
    fn a_clone_does_not_see_later_changes() {
        let mut live = RowSet::full(3);
        let pinned = live.clone();
        assert!(live.remove(RowId(1)));
        assert!(!live.remove(RowId(1)));
        assert!(live.insert(RowId(9)));
        assert_eq!(
            pinned.iter().map(|row| row.0).collect::<Vec<_>>(),
            [0, 1, 2]
        );
        assert_eq!(live.iter().map(|row| row.0).collect::<Vec<_>>(), [0, 2, 9]);
    }

    #[test]
    fn unsorted_rows_are_refused() {
        assert!(RowSet::from_ascending([RowId(2), RowId(1)]).is_none());
        assert!(RowSet::from_ascending([RowId(1), RowId(1)]).is_none());
    }
}
