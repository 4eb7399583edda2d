//! What a filter costs: the walk with the filter inside, beside the exact scan of what it allows.

use index::{Allowed, Hnsw, Probe, Scratch, flat};
use rows::{BitSet, RowId};

use crate::dataset::Dataset;
use crate::sweep::cpu_seconds;

/// Queries asked per filter: the exact scans take long.
const QUERIES: usize = 200;

/// One filter's figures.
pub(crate) struct Filtered {
    /// Share of rows that the filter allows.
    pub(crate) share: f64,
    /// Recall of the walk.
    pub(crate) recall: f64,
    /// Queries per second of the walk.
    pub(crate) walk_qps: f64,
    /// Queries per second of the exact scan.
    pub(crate) scan_qps: f64,
}

/// Measures random filters that allow `shares` of the rows, at one `ef`.
pub(crate) fn measure(
    index: &Hnsw,
    dataset: &Dataset,
    shares: &[f64],
    k: usize,
    ef: usize,
) -> Vec<Filtered> {
    shares
        .iter()
        .map(|&share| measure_one(index, dataset, share, k, ef))
        .collect()
}

fn measure_one(index: &Hnsw, dataset: &Dataset, share: f64, k: usize, ef: usize) -> Filtered {
    let rows = dataset.rows();
    let bound = (share * f64::from(u32::MAX)) as u32;
    let passes = |row: &RowId| {
        row.0
            .wrapping_add(1)
            .wrapping_mul(0x9e37_79b1)
            .rotate_left(7)
            < bound
    };
    let set = BitSet::from_rows(rows, (0..rows as u32).map(RowId).filter(passes));
    let queries: Vec<&[f32]> = dataset.each_query().take(QUERIES).collect();
    let probe = |vector| Probe {
        vector,
        k,
        ef,
        allowed: Allowed::Set(&set),
    };

    let started = cpu_seconds();
    let exact: Vec<_> = queries
        .iter()
        .map(|vector| flat::search(index.block(), &probe(vector)))
        .collect();
    let scan_qps = queries.len() as f64 / (cpu_seconds() - started);

    let mut scratch = Scratch::new();
    let started = cpu_seconds();
    let found: Vec<_> = queries
        .iter()
        .map(|vector| index.search(&probe(vector), &mut scratch))
        .collect();
    let walk_qps = queries.len() as f64 / (cpu_seconds() - started);

    let wanted: usize = exact.iter().map(Vec::len).sum();
    let pairs = found.iter().zip(&exact);
    let hits: usize = pairs
        .map(|(found, exact)| found.iter().filter(|hit| exact.contains(hit)).count())
        .sum();
    Filtered {
        share,
        recall: hits as f64 / wanted.max(1) as f64,
        walk_qps,
        scan_qps,
    }
}

#[cfg(test)]
mod tests {
    use index::{DenseBlock, HnswParams, hnsw};

    use super::*;

    #[test]
    fn filters_are_measured() {
        let mut dataset = Dataset::generate(1500, 8);
        dataset.queries.truncate(8 * 20);
        let block = DenseBlock::from_rows(&dataset.base, 8, dataset.metric).unwrap();
        let blocks = hnsw::build(&block, None, &HnswParams::default(), &|_, _| {});
        let index = Hnsw::open(&blocks, block).unwrap();
        let figures = measure(&index, &dataset, &[0.5, 0.1], 10, 100);
        assert_eq!(figures.len(), 2);
        for figure in figures {
            assert!(figure.recall > 0.9, "{} of {}", figure.recall, figure.share);
            assert!(figure.walk_qps > 0.0 && figure.scan_qps > 0.0);
        }
    }
}
