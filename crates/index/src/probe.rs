//! What is asked of an index.

use rows::{BitSet, RowId};

/// One nearest-neighbour question.
#[derive(Clone, Copy)]
pub struct Probe<'a> {
    /// The query vector, prepared as the rows are (normalised for cosine). Its length is the
    /// block's `dim`; anything else panics, since the door checked it.
    pub vector: &'a [f32],
    /// Number of rows wanted, at most; fewer come back when fewer are allowed.
    pub k: usize,
    /// Number of candidates that a graph walk keeps: more finds more and takes longer. Raised to
    /// `k` when smaller. Exact scans ignore it.
    pub ef: usize,
    /// Which rows may be returned.
    pub allowed: Allowed<'a>,
}

/// Which rows may be returned: the filter and the tombstones in one.
#[derive(Clone, Copy)]
pub enum Allowed<'a> {
    /// Every row.
    All,
    /// The rows of the set. The fastest form for walks: one load per row, and its size is known.
    Set(&'a BitSet),
    /// The rows that pass the test, which may be asked about any row, once or more.
    Test(&'a dyn Fn(RowId) -> bool),
}

impl Allowed<'_> {
    /// Whether `row` may be returned.
    #[must_use]
    pub fn contains(&self, row: RowId) -> bool {
        match self {
            Self::All => true,
            Self::Set(set) => set.contains(row),
            Self::Test(test) => test(row),
        }
    }

    /// Number of allowed rows among `0..rows`: counted for a set, estimated from 256 evenly spaced
    /// rows for a test.
    #[must_use]
    pub fn estimate(&self, rows: usize) -> usize {
        match self {
            Self::All => rows,
            Self::Set(set) => set.count(),
            Self::Test(test) => {
                let sampled = rows.min(SAMPLE_ROWS);
                let passed = (0..sampled)
                    .filter(|at| test(sample_row(*at, sampled, rows)))
                    .count();
                passed * rows / sampled.max(1)
            }
        }
    }
}

/// Number of rows that stand for all when a test must be estimated.
pub(crate) const SAMPLE_ROWS: usize = 256;

/// The `at`th of `sampled` rows spread evenly over `0..rows`.
pub(crate) fn sample_row(at: usize, sampled: usize, rows: usize) -> RowId {
    RowId((at as u64 * rows as u64 / sampled as u64) as u32)
}

impl std::fmt::Debug for Allowed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("All"),
            Self::Set(set) => write!(f, "Set({} rows)", set.count()),
            Self::Test(_) => f.write_str("Test"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_follow_the_rows() {
        let set = BitSet::from_rows(1000, (0..100).map(RowId));
        let half = |row: RowId| row.0.is_multiple_of(2);
        assert_eq!(Allowed::All.estimate(1000), 1000);
        assert_eq!(Allowed::Set(&set).estimate(1000), 100);
        assert_eq!(Allowed::Test(&half).estimate(100), 50);
        let most = |row: RowId| row.0 < 400 || !row.0.is_multiple_of(3);
        assert!((550..=650).contains(&Allowed::Test(&most).estimate(700)));
        assert_eq!(Allowed::Test(&half).estimate(0), 0);
    }
}
