//! Exact search: every allowed row is compared in `f32`, whatever it is stored in.

use rows::{RowId, Scored, TopK};

use crate::{Allowed, DenseBlock, Probe, Similarity};

/// The `k` allowed rows most similar to the probe, best first; ties by ascending row.
///
/// # Panics
/// When the probe's vector has not the block's dimension.
#[must_use]
pub fn search(block: &DenseBlock, probe: &Probe<'_>) -> Vec<Scored> {
    let mut rows = Rows::new(block, probe.vector);
    let mut top = TopK::new(probe.k);
    match (probe.allowed, block.floats()) {
        (Allowed::All, Some(matrix)) => {
            for (row, vector) in matrix.chunks_exact(block.dim()).enumerate() {
                let score = rows.similarity.between(probe.vector, vector);
                top.offer(RowId(row as u32), score);
            }
        }
        (Allowed::All, None) => rows.offer((0..block.len() as u32).map(RowId), &mut top),
        (Allowed::Set(set), _) => {
            let allowed = set.iter().take_while(|row| row.index() < block.len());
            rows.offer(allowed, &mut top);
        }
        (Allowed::Test(test), _) => {
            let allowed = (0..block.len() as u32).map(RowId).filter(|&row| test(row));
            rows.offer(allowed, &mut top);
        }
    }
    top.into_sorted()
}

/// The `k` most similar rows among `rows`, best first; ties by ascending row. A row given twice
/// comes back twice.
///
/// # Panics
/// When the vector has not the block's dimension or a row lies outside the block.
pub fn search_rows(
    block: &DenseBlock,
    vector: &[f32],
    rows: impl IntoIterator<Item = RowId>,
    k: usize,
) -> Vec<Scored> {
    let mut top = TopK::new(k);
    Rows::new(block, vector).offer(rows, &mut top);
    top.into_sorted()
}

/// [`search_rows`] of a few rows scattered over the block: the next row is on its way while one is
/// compared.
pub(crate) fn search_candidates(
    block: &DenseBlock,
    vector: &[f32],
    rows: impl Iterator<Item = RowId>,
    k: usize,
) -> Vec<Scored> {
    let mut rows = rows.peekable();
    let ahead = std::iter::from_fn(|| {
        let row = rows.next()?;
        if let Some(&next) = rows.peek() {
            block.prefetch(next);
        }
        Some(row)
    });
    search_rows(block, vector, ahead, k)
}

/// The exact score of each of `rows`, in their order.
///
/// # Panics
/// As [`search_rows`].
#[must_use]
pub fn score_rows(block: &DenseBlock, vector: &[f32], rows: &[RowId]) -> Vec<f32> {
    let mut stored = Rows::new(block, vector);
    rows.iter().map(|&row| stored.score(row)).collect()
}

/// The rows of a block seen from a vector.
pub(crate) struct Rows<'a> {
    block: &'a DenseBlock,
    vector: &'a [f32],
    similarity: Similarity,
    scratch: Vec<f32>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(block: &'a DenseBlock, vector: &'a [f32]) -> Self {
        assert_eq!(vector.len(), block.dim(), "query of the wrong dimension");
        Self {
            block,
            vector,
            similarity: block.similarity(),
            scratch: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn score(&mut self, row: RowId) -> f32 {
        let stored = self.block.row(row, &mut self.scratch);
        self.similarity.between(self.vector, stored)
    }

    fn offer(&mut self, rows: impl IntoIterator<Item = RowId>, top: &mut TopK) {
        for row in rows {
            top.offer(row, self.score(row));
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Metric;
    use proptest::prelude::*;
    use rows::BitSet;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_sorting_all_rows(
            components in proptest::collection::vec(-8_i8..8, 0..120),
            query in proptest::collection::vec(-8_i8..8, 3),
            k in 0_usize..12,
            modulus in 1_u32..5,
            metric in prop_oneof![Just(Metric::Dot), Just(Metric::L2), Just(Metric::L1)],
        ) {
            let rows: Vec<f32> = components
                .chunks_exact(3)
                .flatten()
                .map(|&c| f32::from(c))
                .collect();
            let query: Vec<f32> = query.iter().map(|&c| f32::from(c)).collect();
            let block = DenseBlock::from_rows(&rows, 3, metric).unwrap();
            let passes = |row: RowId| row.0.is_multiple_of(modulus);
            // Small integers: any order of summation is exact.
            let score = |vector: &[f32]| -> f32 {
                let pairs = vector.iter().zip(&query);
                match metric {
                    Metric::L2 => -pairs.map(|(x, y)| (x - y) * (x - y)).sum::<f32>(),
                    Metric::L1 => -pairs.map(|(x, y)| (x - y).abs()).sum::<f32>(),
                    _ => pairs.map(|(x, y)| x * y).sum(),
                }
            };
            let mut expected: Vec<(u32, f32)> = rows
                .chunks_exact(3)
                .enumerate()
                .map(|(row, vector)| (row as u32, score(vector) + 0.0))
                .filter(|&(row, _)| passes(RowId(row)))
                .collect();
            expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            expected.truncate(k);

            let set = BitSet::from_rows(
                block.len() + 70,
                (0..block.len() as u32 + 70).map(RowId).filter(|&row| passes(row)),
            );
            let found = |allowed| -> Vec<(u32, f32)> {
                let probe = Probe { vector: &query, k, ef: 0, allowed };
                search(&block, &probe).iter().map(|hit| (hit.row.0, hit.score)).collect()
            };
            prop_assert_eq!(found(Allowed::Test(&passes)), expected.clone());
            prop_assert_eq!(found(Allowed::Set(&set)), expected.clone());
            if modulus == 1 {
                prop_assert_eq!(found(Allowed::All), expected.clone());
            }
            let listed = search_rows(
                &block,
                &query,
                set.iter().filter(|row| row.index() < block.len()),
                k,
            );
            prop_assert_eq!(
                listed.iter().map(|hit| (hit.row.0, hit.score)).collect::<Vec<_>>(),
                expected
            );
        }
    }

    #[test]
    fn scores_come_in_the_order_asked() {
        let block = DenseBlock::from_rows(&[1.0, 2.0, 3.0], 1, Metric::L2).unwrap();
        assert_eq!(
            score_rows(&block, &[0.0], &[RowId(2), RowId(0)]),
            [-9.0, -1.0]
        );
    }
}
