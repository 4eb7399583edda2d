//! Flat and HNSW over one block: every metric, several `ef`, filters and deletes.

use std::fmt::Write;

use index::sparse::{self, Postings, SparseProbe, SparseRow};
use index::{
    Allowed, CodeKind, CodeUse, DenseBlock, Hnsw, HnswParams, Ivf, Probe, Scored, Scratch, flat,
    hnsw, ivf,
};
use kernels::float;
use model::{CodeBits, Metric, ProductRatio, QueryBits};
use rows::{BitSet, RowId};

use crate::noise::Noise;

const ROWS: usize = 1500;
const QUERIES: usize = 12;
/// Scores as the codes say them.
const ESTIMATES: CodeUse = CodeUse {
    ignore: false,
    rescore: false,
    oversampling: None,
    query: QueryBits::Auto,
};

pub(super) fn dot() -> String {
    searches(Metric::Dot, 48, 1, CodeKind::default(), |component| {
        component
    })
}

pub(super) fn cosine() -> String {
    // A dimension that no vector width divides.
    searches(Metric::Cosine, 37, 2, CodeKind::default(), |component| {
        component
    })
}

pub(super) fn l2() -> String {
    searches(Metric::L2, 64, 3, CodeKind::default(), |component| {
        component * 100.0
    })
}

pub(super) fn l1() -> String {
    searches(Metric::L1, 17, 4, CodeKind::default(), |component| {
        component
    })
}

/// Components of three values: many rows are equal, and many scores are.
pub(super) fn twins() -> String {
    searches(Metric::L2, 6, 5, CodeKind::default(), f32::round)
}

pub(super) fn product() -> String {
    let codes = CodeKind::Product(ProductRatio::X8);
    searches(Metric::Cosine, 37, 6, codes, |component| component)
}

pub(super) fn signs() -> String {
    let codes = CodeKind::Planes {
        bits: CodeBits::One,
        rotated: false,
    };
    searches(Metric::Cosine, 48, 7, codes, |component| component)
}

pub(super) fn pairs() -> String {
    let codes = CodeKind::Planes {
        bits: CodeBits::OneAndHalf,
        rotated: false,
    };
    searches(Metric::L2, 70, 8, codes, |component| component)
}

pub(super) fn rotated() -> String {
    let codes = CodeKind::Planes {
        bits: CodeBits::Four,
        rotated: true,
    };
    searches(Metric::Dot, 37, 9, codes, |component| component)
}

/// Inverted lists of rows and of codes, filtered, with few lists and all.
pub(super) fn lists() -> String {
    const DIM: usize = 19;
    let mut answers = String::new();
    for (metric, seed, codes) in [
        (Metric::Cosine, 41, None),
        (Metric::L2, 42, Some(CodeKind::default())),
        (Metric::Dot, 43, Some(CodeKind::Product(ProductRatio::X4))),
        (Metric::L1, 44, Some(CodeKind::default())),
    ] {
        let mut noise = Noise::new(seed);
        let mut rows = noise.clustered(ROWS, DIM);
        if metric == Metric::Cosine {
            for row in rows.chunks_exact_mut(DIM) {
                float::normalize(row);
            }
        }
        let block = DenseBlock::from_rows(&rows, DIM, metric).expect("whole rows");
        let blocks = ivf::build(&block, None, 24, codes, &|_, _| ());
        for (name, bytes) in &blocks {
            let print = fingerprint(bytes);
            writeln!(answers, "{metric:?} {name} {print:016x}").expect("a string takes everything");
        }
        let lists = Ivf::open(&blocks, block).expect("it was just built");
        let third = |row: RowId| row.0 % 3 == 1;
        let mut scratch = Scratch::default();
        for number in 0..QUERIES {
            let query = noise.clustered(1, DIM);
            for (filter, allowed) in [("all", Allowed::All), ("third", Allowed::Test(&third))] {
                for nprobe in [1, 6, 24] {
                    let probe = Probe {
                        vector: &query,
                        k: 10,
                        ef: 0,
                        allowed,
                    };
                    let found = lists.search(&probe, nprobe, &CodeUse::default(), &mut scratch);
                    let asked = format!("{metric:?} {number} {filter} {nprobe}");
                    note(&mut answers, &asked, &found);
                }
            }
        }
    }
    answers
}

/// Postings: exact, filtered, with weights of both signs.
pub(super) fn postings() -> String {
    let mut noise = Noise::new(10);
    let mut draw = |count: u64| -> (Vec<u32>, Vec<f32>) {
        let mut indices: Vec<u32> = (0..count).map(|_| noise.below(200) as u32).collect();
        indices.sort_unstable();
        indices.dedup();
        let values = indices.iter().map(|_| noise.component() + 0.5).collect();
        (indices, values)
    };
    let stored: Vec<_> = (0..ROWS).map(|row| draw(row as u64 % 20)).collect();
    fn view(vector: &(Vec<u32>, Vec<f32>)) -> SparseRow<'_> {
        SparseRow {
            indices: &vector.0,
            values: &vector.1,
        }
    }
    let bytes = sparse::build(ROWS, |row| Some(view(&stored[row.index()]))).expect("few values");
    let mut answers = format!("{} bytes, {:016x}\n", bytes.len(), fingerprint(&bytes));
    let postings = Postings::open(bytes, ROWS).expect("it was just built");
    let third = |row: RowId| row.0 % 3 == 1;
    for number in 0..QUERIES {
        let query = draw(12);
        for (filter, allowed) in [("all", Allowed::All), ("third", Allowed::Test(&third))] {
            let found = postings.search(&SparseProbe {
                query: view(&query),
                k: 10,
                allowed,
            });
            note(&mut answers, &format!("{number} {filter}"), &found);
        }
    }
    answers
}

fn searches(
    metric: Metric,
    dim: usize,
    seed: u64,
    codes: CodeKind,
    shape: fn(f32) -> f32,
) -> String {
    let mut noise = Noise::new(seed);
    let mut matrix = noise.clustered(ROWS + QUERIES, dim);
    for row in matrix.chunks_exact_mut(dim) {
        row.iter_mut()
            .for_each(|component| *component = shape(*component));
        if metric == Metric::Cosine {
            float::normalize(row);
        }
    }
    let (stored, queries) = matrix.split_at(ROWS * dim);
    let block = DenseBlock::from_rows(stored, dim, metric).expect("whole rows");
    // Every seventh row is deleted before the graph is built, every fifth of the rest afterwards.
    let row_ids = || (0..ROWS as u32).map(RowId);
    let present = BitSet::from_rows(ROWS, row_ids().filter(|row| row.0 % 7 != 0));
    let params = HnswParams {
        seed,
        codes,
        ..HnswParams::default()
    };
    let blocks = hnsw::build(&block, Some(&present), &params, &|_, _| ());
    let mut answers = String::new();
    for (name, bytes) in &blocks {
        writeln!(
            answers,
            "{name}: {} bytes, {:016x}",
            bytes.len(),
            fingerprint(bytes)
        )
        .expect("a string takes everything");
    }
    let graph = Hnsw::open(&blocks, block.clone()).expect("it was just built");
    let alive = BitSet::from_rows(ROWS, present.iter().filter(|row| row.0 % 5 != 0));
    let few = BitSet::from_rows(ROWS, alive.iter().filter(|row| row.0 % 101 == 1));
    let some = |row: RowId| alive.contains(row) && row.0 % 4 == 1;
    let mut scratch = Scratch::default();
    for (number, vector) in queries.chunks_exact(dim).enumerate() {
        for (filter, allowed) in [
            ("alive", Allowed::Set(&alive)),
            ("few", Allowed::Set(&few)),
            ("some", Allowed::Test(&some)),
        ] {
            let question = format!("{number} {filter}");
            ask(
                &graph,
                &question,
                vector,
                allowed,
                &mut scratch,
                &mut answers,
            );
        }
    }
    answers
}

/// Asks the exact scan, and the graph with and without rescoring, for several `ef`.
fn ask(
    graph: &Hnsw,
    question: &str,
    vector: &[f32],
    allowed: Allowed<'_>,
    scratch: &mut Scratch,
    answers: &mut String,
) {
    let exact = flat::search(
        graph.block(),
        &Probe {
            vector,
            k: 10,
            ef: 0,
            allowed,
        },
    );
    note(answers, &format!("{question} exact"), &exact);
    for ef in [10, 40, 300] {
        let probe = Probe {
            vector,
            k: 10,
            ef,
            allowed,
        };
        let found = graph.search(&probe, scratch);
        note(answers, &format!("{question} ef {ef}"), &found);
        let found = graph.search_by(&probe, &ESTIMATES, scratch);
        note(answers, &format!("{question} codes {ef}"), &found);
    }
}

/// One line: what was asked, and each row with the bits of its score.
fn note(answers: &mut String, question: &str, found: &[Scored]) {
    let rows = BitSet::from_rows(ROWS, found.iter().map(|hit| hit.row));
    assert_eq!(
        rows.count(),
        found.len(),
        "{question}: a row came back twice"
    );
    write!(answers, "{question}:").expect("a string takes everything");
    for hit in found {
        write!(answers, " {}:{:08x}", hit.row.0, hit.score.to_bits())
            .expect("a string takes everything");
    }
    answers.push('\n');
}

/// FNV-1a (Fowler, Noll, Vo), to compare blocks that are too long to print.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
