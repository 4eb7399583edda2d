//! Walks on every kind of code against the exact scan.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use model::{CodeBits, Metric, ProductRatio, QueryBits};
use skerry_index::{
    Allowed, CodeKind, CodeUse, DenseBlock, Hnsw, HnswParams, Probe, Scored, Scratch, flat, hnsw,
};

const DIM: usize = 72;
const ROWS: usize = 1200;
const QUERIES: usize = 20;
const K: usize = 10;

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

    /// Nearly normal: a sum of four uniform numbers around zero.
    fn component(&mut self) -> f32 {
        let uniform = |bits: u64| (bits & 0xffff) as f32 / 65536.0 - 0.5;
        let bits = self.next();
        (0..4).map(|at| uniform(bits >> (16 * at))).sum()
    }
}

/// Rows and queries around centres off the origin, as real embeddings lie.
fn data(metric: Metric) -> (DenseBlock, Vec<f32>) {
    let mut random = Random(11);
    let centres: Vec<f32> = (0..60 * DIM).map(|_| random.component() + 0.3).collect();
    let mut matrix = Vec::new();
    for _ in 0..ROWS + QUERIES {
        let centre = (random.next() % 60) as usize;
        let mut vector: Vec<f32> = centres[centre * DIM..][..DIM]
            .iter()
            .map(|c| c + 0.6 * random.component())
            .collect();
        if metric == Metric::Cosine {
            kernels::float::normalize(&mut vector);
        }
        matrix.extend(vector);
    }
    let queries = matrix.split_off(ROWS * DIM);
    (
        DenseBlock::from_rows(&matrix, DIM, metric).unwrap(),
        queries,
    )
}

fn build(block: &DenseBlock, codes: CodeKind) -> hnsw::Blocks {
    let params = HnswParams {
        codes,
        seed: 3,
        ..HnswParams::default()
    };
    hnsw::build(block, None, &params, &|_, _| {})
}

fn open(block: &DenseBlock, codes: CodeKind) -> Hnsw {
    Hnsw::open(&build(block, codes), block.clone()).unwrap()
}

fn probe(vector: &[f32], ef: usize) -> Probe<'_> {
    Probe {
        vector,
        k: K,
        ef,
        allowed: Allowed::All,
    }
}

/// Share of the true neighbours that are found.
fn recall(index: &Hnsw, queries: &[f32], ef: usize, codes: &CodeUse) -> f64 {
    let mut scratch = Scratch::new();
    let mut found = 0;
    for vector in queries.chunks_exact(DIM) {
        let probe = probe(vector, ef);
        let exact = flat::search(index.block(), &probe);
        let near: Vec<Scored> = index.search_by(&probe, codes, &mut scratch);
        assert!(near.is_sorted_by(|a, b| a.best_first(b).is_lt()));
        assert_eq!(near.len(), K);
        for hit in near {
            let same = exact.iter().find(|other| other.row == hit.row);
            found += usize::from(same.is_some());
            if let Some(same) = same.filter(|_| codes.rescore) {
                assert_eq!(same.score.to_bits(), hit.score.to_bits());
            }
        }
    }
    found as f64 / (QUERIES * K) as f64
}

/// Every kind with the recall that it must reach alone, and the error of its scores, as a share
/// of the spread of all scores.
fn kinds() -> Vec<(CodeKind, f64, f32)> {
    let planes = |bits, rotated| CodeKind::Planes { bits, rotated };
    vec![
        (CodeKind::default(), 0.99, 0.03),
        (
            CodeKind::Bytes {
                quantile: Some(0.99),
            },
            0.97,
            0.05,
        ),
        (CodeKind::Product(ProductRatio::X4), 0.99, 0.03),
        (CodeKind::Product(ProductRatio::X8), 0.97, 0.2),
        (CodeKind::Product(ProductRatio::X16), 0.95, 0.3),
        (CodeKind::Product(ProductRatio::X64), 0.90, 0.5),
        (planes(CodeBits::One, false), 0.95, 0.5),
        (planes(CodeBits::OneAndHalf, false), 0.95, 0.4),
        (planes(CodeBits::Two, false), 0.97, 0.3),
        (planes(CodeBits::One, true), 0.95, 0.5),
        (planes(CodeBits::OneAndHalf, true), 0.95, 0.4),
        (planes(CodeBits::Two, true), 0.97, 0.3),
        (planes(CodeBits::Four, true), 0.99, 0.1),
    ]
}

#[test]
fn rescored_walks_find_the_neighbours() {
    let (block, queries) = data(Metric::Cosine);
    for (kind, least, _) in kinds() {
        let index = open(&block, kind);
        let found = recall(&index, &queries, 100, &CodeUse::default());
        assert!(found >= least, "{kind:?}: {found}");
        let four = CodeUse {
            oversampling: Some(4.0),
            ..CodeUse::default()
        };
        let found = recall(&index, &queries, 100, &four);
        assert!(found >= 0.85, "{kind:?} with four candidates each: {found}");
    }
}

#[test]
fn every_metric_is_walked() {
    for metric in [Metric::Dot, Metric::L2, Metric::L1] {
        let (block, queries) = data(metric);
        for (kind, least, _) in kinds() {
            let index = open(&block, kind);
            let found = recall(&index, &queries, 200, &CodeUse::default());
            assert!(found >= least - 0.1, "{metric:?} {kind:?}: {found}");
        }
    }
}

#[test]
fn scores_of_codes_are_near_the_true_ones() {
    let unscored = CodeUse {
        rescore: false,
        ..CodeUse::default()
    };
    for metric in [Metric::Cosine, Metric::Dot, Metric::L2, Metric::L1] {
        let (block, queries) = data(metric);
        for (kind, _, share) in kinds() {
            let index = open(&block, kind);
            let mut scratch = Scratch::new();
            for vector in queries.chunks_exact(DIM).take(5) {
                let all = flat::search(
                    &block,
                    &Probe {
                        k: ROWS,
                        ..probe(vector, 0)
                    },
                );
                let spread = all[0].score - all[ROWS - 1].score;
                let near = index.search_by(&probe(vector, 100), &unscored, &mut scratch);
                for hit in near {
                    let exact = flat::score_rows(&block, vector, &[hit.row])[0];
                    let error = (hit.score - exact).abs() / spread;
                    assert!(
                        error <= share,
                        "{metric:?} {kind:?}: {} is {exact}",
                        hit.score
                    );
                }
            }
        }
    }
}

#[test]
fn what_a_search_asks_of_codes_matters() {
    let (block, queries) = data(Metric::Cosine);
    let bits = CodeBits::One;
    let index = open(
        &block,
        CodeKind::Planes {
            bits,
            rotated: false,
        },
    );
    let by = |change: &dyn Fn(&mut CodeUse)| {
        let mut codes = CodeUse::default();
        change(&mut codes);
        recall(&index, &queries, K, &codes)
    };
    let once = by(&|codes| codes.oversampling = Some(1.0));
    let more = by(&|codes| codes.oversampling = Some(8.0));
    assert!(once < more - 0.1, "{once} {more}");
    assert!(more > 0.9);
    let floats = CodeUse {
        ignore: true,
        ..CodeUse::default()
    };
    assert!(recall(&index, &queries, 100, &floats) >= 0.99);
    let signs = by(&|codes| {
        codes.query = QueryBits::One;
        codes.oversampling = Some(2.0);
    });
    let bytes = by(&|codes| codes.oversampling = Some(2.0));
    assert!(signs < bytes, "{signs} {bytes}");
}

#[test]
fn codes_take_the_memory_that_they_promise() {
    let (block, _) = data(Metric::Cosine);
    let bytes = |kind| build(&block, kind)[0].1.len();
    let book = DIM * 256 * 4;
    assert!(bytes(CodeKind::Product(ProductRatio::X4)) < ROWS * DIM + book + 128);
    // Centroids of 72 KiB and 5 bytes a row.
    assert!(bytes(CodeKind::Product(ProductRatio::X64)) < 100_000);
    let planes = |bits| {
        bytes(CodeKind::Planes {
            bits,
            rotated: true,
        })
    };
    // Two words of 64 places for 72 components, and eight bytes of numbers.
    for (bits, words) in [
        (CodeBits::One, 2),
        (CodeBits::OneAndHalf, 3),
        (CodeBits::Two, 4),
        (CodeBits::Four, 8),
    ] {
        assert!(planes(bits) < ROWS * (words * 8 + 8) + 1024);
    }
}

#[test]
fn codes_do_not_depend_on_threads() {
    let (block, _) = data(Metric::L2);
    for (kind, ..) in kinds() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| build(&block, kind))
        };
        assert!(with(1) == with(3), "{kind:?}");
    }
}

#[test]
fn few_and_odd_rows_are_coded() {
    for (kind, ..) in kinds() {
        for dim in [1, 3, 65, 130] {
            for rows in [0, 1, 5] {
                let matrix: Vec<f32> = (0..rows * dim).map(|x| (x % 7) as f32 - 2.0).collect();
                let block = DenseBlock::from_rows(&matrix, dim, Metric::L2).unwrap();
                let index = open(&block, kind);
                let query = vec![0.5; dim];
                let probe = Probe {
                    k: 2,
                    ..probe(&query, 8)
                };
                let found = index.search(&probe, &mut Scratch::new());
                assert_eq!(found, flat::search(&block, &probe), "{kind:?} {dim} {rows}");
            }
        }
    }
}

#[test]
fn damaged_codes_are_refused() {
    let (block, _) = data(Metric::L2);
    for (kind, ..) in kinds() {
        let blocks = build(&block, kind);
        let refused = |codes: Bytes| {
            let changed = vec![(blocks[0].0, codes), blocks[1].clone()];
            Hnsw::open(&changed, block.clone()).is_err()
        };
        let whole = blocks[0].1.clone();
        for cut in [0, 7, 63, 64, whole.len() - 1] {
            assert!(refused(whole.slice(..cut)), "{kind:?} cut at {cut}");
        }
        // The magic, the rows, the dimension.
        for at in [0, 8, 12] {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 0x40;
            assert!(refused(Bytes::from(bytes)), "{kind:?} at {at}");
        }
    }
}
