//! The graph against the exact scan: recall, filters, determinism, damage.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use model::Metric;
use rows::{BitSet, RowId};
use skerry_index::hnsw::{self, BuilderKind};
use skerry_index::{Allowed, DenseBlock, Hnsw, HnswParams, Probe, Scored, Scratch, flat};

const DIM: usize = 24;

/// A small generator (SplitMix64): tests must not depend on a crate's stream.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `-1..1`.
    fn component(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Rows around a hundred centres, as real embeddings lie, prepared for `metric`.
fn clustered(rows: usize, seed: u64, metric: Metric) -> Vec<f32> {
    let mut centres_from = Random(7);
    let centres: Vec<f32> = (0..100 * DIM).map(|_| centres_from.component()).collect();
    let mut random = Random(seed);
    let mut matrix = Vec::with_capacity(rows * DIM);
    for _ in 0..rows {
        let centre = (random.next() % 100) as usize;
        let mut vector: Vec<f32> = centres[centre * DIM..][..DIM]
            .iter()
            .map(|c| c + 0.5 * random.component())
            .collect();
        if metric == Metric::Cosine {
            kernels::float::normalize(&mut vector);
        }
        matrix.extend(vector);
    }
    matrix
}

fn params(builder: BuilderKind) -> HnswParams {
    HnswParams {
        builder,
        seed: 42,
        ..HnswParams::default()
    }
}

fn open(block: &DenseBlock, builder: BuilderKind) -> Hnsw {
    let blocks = hnsw::build(block, None, &params(builder), &|_, _| {});
    Hnsw::open(&blocks, block.clone()).unwrap()
}

fn recall(index: &Hnsw, queries: &[f32], k: usize, ef: usize, allowed: Allowed<'_>) -> f64 {
    let mut scratch = Scratch::new();
    let (mut found, mut wanted) = (0, 0);
    for vector in queries.chunks_exact(DIM) {
        let probe = Probe {
            vector,
            k,
            ef,
            allowed,
        };
        let exact = flat::search(index.block(), &probe);
        let near: Vec<Scored> = index.search(&probe, &mut scratch);
        assert!(
            near.is_sorted_by(|a, b| a.best_first(b).is_lt()),
            "order of results"
        );
        assert!(
            near.iter().all(|hit| allowed.contains(hit.row)),
            "a row that is not allowed"
        );
        wanted += exact.len();
        for hit in near {
            // Equal scores for equal rows, to the bit.
            found += usize::from(exact.contains(&hit));
        }
    }
    found as f64 / wanted as f64
}

const BUILDERS: [BuilderKind; 2] = [BuilderKind::InstantDistance, BuilderKind::Batches];

#[test]
fn recall_holds_for_every_metric_and_builder() {
    for metric in [Metric::Cosine, Metric::L2, Metric::L1, Metric::Dot] {
        let block = DenseBlock::from_rows(&clustered(4000, 1, metric), DIM, metric).unwrap();
        let queries = clustered(100, 2, metric);
        for builder in BUILDERS {
            let index = open(&block, builder);
            assert_eq!(index.unreachable_rows(None), 0);
            let recall = recall(&index, &queries, 10, 100, Allowed::All);
            assert!(recall >= 0.99, "{metric:?} {builder:?}: recall {recall}");
        }
    }
}

#[test]
fn recall_holds_for_inner_products_of_vectors_of_all_lengths() {
    // Lengths over two orders of magnitude: most nearest rows are among the few long ones.
    let lengthen = |mut rows: Vec<f32>, seed| {
        let mut random = Random(seed);
        for row in rows.chunks_exact_mut(DIM) {
            let factor = 10_f32.powf(random.component());
            row.iter_mut().for_each(|x| *x *= factor);
        }
        rows
    };
    let rows = lengthen(clustered(4000, 1, Metric::Dot), 5);
    let block = DenseBlock::from_rows(&rows, DIM, Metric::Dot).unwrap();
    let queries = lengthen(clustered(100, 2, Metric::Dot), 6);
    for builder in BUILDERS {
        let recall = recall(&open(&block, builder), &queries, 10, 100, Allowed::All);
        println!("{builder:?}: {recall}");
        assert!(recall >= 0.99, "{builder:?}: recall {recall}");
    }
}

#[test]
fn recall_holds_with_a_dominant_dimension() {
    let stretch = |mut rows: Vec<f32>| {
        rows.chunks_exact_mut(DIM).for_each(|row| row[3] *= 30.0);
        rows
    };
    let rows = stretch(clustered(4000, 1, Metric::L2));
    let queries = stretch(clustered(100, 2, Metric::L2));
    let block = DenseBlock::from_rows(&rows, DIM, Metric::L2).unwrap();
    for builder in BUILDERS {
        let recall = recall(&open(&block, builder), &queries, 10, 100, Allowed::All);
        println!("{builder:?}: {recall}");
        assert!(recall >= 0.95, "{builder:?}: recall {recall}");
    }
}

#[test]
fn recall_holds_under_filters() {
    let block = DenseBlock::from_rows(&clustered(6000, 1, Metric::L2), DIM, Metric::L2).unwrap();
    let queries = clustered(60, 3, Metric::L2);
    for builder in BUILDERS {
        let index = open(&block, builder);
        for one_in in [2_u64, 10, 30] {
            let passes = |row: RowId| Random(u64::from(row.0)).next().is_multiple_of(one_in);
            let set = BitSet::from_rows(6000, (0..6000).map(RowId).filter(|&row| passes(row)));
            for allowed in [Allowed::Set(&set), Allowed::Test(&passes)] {
                let recall = recall(&index, &queries, 10, 100, allowed);
                assert!(
                    recall >= 0.99,
                    "{builder:?} one in {one_in} {allowed:?}: {recall}"
                );
            }
        }
    }
}

#[test]
fn a_filter_far_from_the_query_is_still_answered() {
    let rows: Vec<f32> = clustered(4000, 1, Metric::L2);
    let block = DenseBlock::from_rows(&rows, DIM, Metric::L2).unwrap();
    let index = open(&block, BuilderKind::Auto);
    let query = vec![3.0; DIM];
    // Only the hundred rows farthest from the query are allowed.
    let far = Probe {
        vector: &query,
        k: 4000,
        ef: 0,
        allowed: Allowed::All,
    };
    let order = flat::search(&block, &far);
    let set = BitSet::from_rows(4000, order[3900..].iter().map(|hit| hit.row));
    let recall = recall(&index, &query, 10, 100, Allowed::Set(&set));
    assert!(recall >= 0.9, "{recall}");
}

#[test]
fn few_or_no_allowed_rows_come_back_all() {
    let block = DenseBlock::from_rows(&clustered(2000, 1, Metric::Dot), DIM, Metric::Dot).unwrap();
    let index = open(&block, BuilderKind::Auto);
    let query = clustered(1, 2, Metric::Dot);
    let mut scratch = Scratch::new();
    for rows in [vec![], vec![1999], vec![3, 500, 1200]] {
        let set = BitSet::from_rows(2000, rows.iter().map(|&row| RowId(row)));
        let probe = Probe {
            vector: &query,
            k: 10,
            ef: 100,
            allowed: Allowed::Set(&set),
        };
        let found = index.search(&probe, &mut scratch);
        assert_eq!(found, flat::search(&block, &probe));
        assert_eq!(found.len(), rows.len());
    }
}

#[test]
fn more_rows_than_ef_may_be_asked_for() {
    let block = DenseBlock::from_rows(&clustered(1500, 1, Metric::L2), DIM, Metric::L2).unwrap();
    let index = open(&block, BuilderKind::Auto);
    let queries = clustered(5, 2, Metric::L2);
    assert!(recall(&index, &queries, 700, 10, Allowed::All) > 0.95);
    assert_eq!(recall(&index, &queries, 1500, 10, Allowed::All), 1.0);
    assert_eq!(recall(&index, &queries, 9999, 10, Allowed::All), 1.0);
}

#[test]
fn equal_vectors_do_not_hide_others() {
    // Two thirds of the rows are one and the same vector.
    let mut rows = clustered(3000, 1, Metric::L2);
    let (first, rest) = rows.split_at_mut(DIM);
    for (at, row) in rest.chunks_exact_mut(DIM).enumerate() {
        if at % 3 != 0 {
            row.copy_from_slice(first);
        }
    }
    let block = DenseBlock::from_rows(&rows, DIM, Metric::L2).unwrap();
    let queries = clustered(60, 2, Metric::L2);
    for builder in BUILDERS {
        let index = open(&block, builder);
        assert_eq!(index.unreachable_rows(None), 0);
        let recall = recall(&index, &queries, 10, 100, Allowed::All);
        assert!(recall >= 0.98, "{builder:?}: recall {recall}");
    }
}

#[test]
fn absent_rows_are_not_linked() {
    let rows = clustered(2000, 1, Metric::L2);
    let block = DenseBlock::from_rows(&rows, DIM, Metric::L2).unwrap();
    let present = BitSet::from_rows(
        2000,
        (0..2000).map(RowId).filter(|row| !row.0.is_multiple_of(4)),
    );
    let queries = clustered(40, 2, Metric::L2);
    for builder in BUILDERS {
        let blocks = hnsw::build(&block, Some(&present), &params(builder), &|_, _| {});
        let index = Hnsw::open(&blocks, block.clone()).unwrap();
        assert_eq!(index.unreachable_rows(Some(&present)), 0);
        assert_eq!(index.unreachable_rows(None), 500);
        let recall = recall(&index, &queries, 10, 100, Allowed::Set(&present));
        assert!(recall >= 0.99, "{builder:?}: recall {recall}");
    }
}

#[test]
fn tiny_blocks_are_indexed_too() {
    for rows in [0, 1, 2, 5, 40] {
        let matrix = clustered(rows, 1, Metric::Cosine);
        let block = DenseBlock::from_rows(&matrix, DIM, Metric::Cosine).unwrap();
        let query = clustered(1, 2, Metric::Cosine);
        for builder in BUILDERS {
            let index = open(&block, builder);
            let probe = Probe {
                vector: &query,
                k: 10,
                ef: 64,
                allowed: Allowed::All,
            };
            let found = index.search(&probe, &mut Scratch::new());
            assert_eq!(found, flat::search(&block, &probe), "{rows} rows");
        }
    }
}

#[test]
fn queries_outside_the_range_of_the_codes_are_answered() {
    let block = DenseBlock::from_rows(&clustered(2000, 1, Metric::L2), DIM, Metric::L2).unwrap();
    let index = open(&block, BuilderKind::Auto);
    let queries: Vec<f32> = clustered(20, 2, Metric::L2)
        .iter()
        .map(|x| x * 50.0)
        .collect();
    assert!(recall(&index, &queries, 10, 100, Allowed::All) >= 0.99);
}

#[test]
fn progress_ends_complete() {
    let block = DenseBlock::from_rows(&clustered(3000, 1, Metric::L2), DIM, Metric::L2).unwrap();
    for builder in BUILDERS {
        let calls = std::sync::Mutex::new(Vec::new());
        let _ = hnsw::build(&block, None, &params(builder), &|done, total| {
            assert_eq!(total, 3000);
            calls.lock().unwrap().push(done);
        });
        let calls = calls.into_inner().unwrap();
        assert!(calls.len() > 2, "{builder:?}: {calls:?}");
        assert_eq!(calls.last(), Some(&3000));
    }
}

#[test]
fn damaged_blocks_are_refused() {
    let block = DenseBlock::from_rows(&clustered(300, 1, Metric::L2), DIM, Metric::L2).unwrap();
    let blocks = hnsw::build(&block, None, &params(BuilderKind::Auto), &|_, _| {});
    let kind = |blocks: &[(&str, Bytes)]| Hnsw::open(blocks, block.clone()).unwrap_err().kind;
    assert_eq!(kind(&blocks[..1]), model::ErrorKind::Corrupt);
    for at in 0..blocks.len() {
        let mut cut = blocks.clone();
        let len = cut[at].1.len();
        cut[at].1.truncate(len - 1);
        assert_eq!(kind(&cut), model::ErrorKind::Corrupt);
    }
    let other = DenseBlock::from_rows(&clustered(299, 1, Metric::L2), DIM, Metric::L2).unwrap();
    assert!(Hnsw::open(&blocks, other).is_err());
}
