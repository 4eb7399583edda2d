//! The builder on the crate `instant-distance`: graphs over borrowed code rows.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use instant_distance::{Builder as Instant, Point};
use kernels::code::CodeKernels;

use super::capture::{Captured, UPPER_LINKS, ZERO_LINKS, capture};
use super::{Builder, Input};
use crate::aligned::AlignedBytes;
use crate::codes::{Codes, Measure};
use crate::graph::{Links, NONE, UpperLevel};
use crate::hnsw::HnswParams;

/// Rows between two calls of the progress callback.
const PROGRESS_ROWS: usize = 1024;

/// Builds with `instant-distance`: M is 32 there (64 links on level zero), and since links come
/// heuristic-first the first `2·m` of them are kept. The graph is reproducible when rayon runs one
/// thread; with more, insertion order varies.
pub(crate) struct InstantDistance;

impl Builder for InstantDistance {
    fn build(&self, input: &Input<'_>, params: &HnswParams) -> Links {
        let shared = Shared::new(input);
        let points: Vec<CodePoint<'_>> = (0..input.rows.len() as u32)
            .map(|at| CodePoint {
                at,
                shared: &shared,
            })
            .collect();
        // The first links are kept, so all 64 places must be worth choosing from.
        let ef_construct = params.ef_construct.max(ZERO_LINKS);
        let (graph, ids) = Instant::default()
            .seed(params.seed)
            .ef_construction(ef_construct)
            .build_hnsw(points);
        let captured = capture(&graph, input.rows.len())
            .expect("the version of instant-distance is pinned and its layout tested");
        // `ids[at]` is the id that the `at`th input row got; levels are prefixes of the ids.
        let mut row_of = vec![0; ids.len()];
        for (&row, id) in input.rows.iter().zip(&ids) {
            row_of[id.into_inner() as usize] = row;
        }
        flatten(&captured, &row_of, input.codes.len(), params.m)
    }
}

/// Turns ids into rows and keeps the first links of each node.
fn flatten(captured: &Captured, row_of: &[u32], rows: usize, m: usize) -> Links {
    let per_row = 2 * m;
    let mut base = vec![NONE; rows * per_row];
    for (id, links) in captured.zero.chunks_exact(ZERO_LINKS).enumerate() {
        let places = &mut base[row_of[id] as usize * per_row..][..per_row];
        for (place, &link) in places
            .iter_mut()
            .zip(links)
            .filter(|(_, link)| **link != NONE)
        {
            *place = row_of[link as usize];
        }
    }
    let upper = |layer: &Vec<u32>, lowest: bool| {
        let nodes = layer.len() / UPPER_LINKS;
        let links = layer
            .chunks_exact(UPPER_LINKS)
            .flat_map(|links| &links[..m])
            .copied();
        let rows = row_of[..nodes].to_vec();
        let below = if lowest {
            rows.clone()
        } else {
            (0..nodes as u32).collect()
        };
        UpperLevel {
            rows,
            below,
            links: links.collect(),
        }
    };
    let levels: Vec<UpperLevel> = captured
        .layers
        .iter()
        .enumerate()
        .map(|(at, layer)| upper(layer, at == 0))
        .collect();
    // Its search starts at id 0, which is slot 0 of every level.
    let entry = if levels.is_empty() {
        row_of.first().copied().unwrap_or(0)
    } else {
        0
    };
    Links {
        per_row,
        per_upper: m,
        base,
        levels,
        entry,
    }
}

/// What all points of one build share.
struct Shared<'a> {
    input: &'a Input<'a>,
    kernels: &'static CodeKernels,
    // The rows as queries (signed), for inner products; empty otherwise. A second matrix costs
    // memory while building, converting a row at every comparison would cost more.
    queries: AlignedBytes,
    // What a query's products are too large by, since rows are offset by 128.
    biases: Vec<i32>,
    // One flag per point: whether its insertion was counted.
    started: Vec<AtomicU8>,
    done: AtomicUsize,
}

impl<'a> Shared<'a> {
    fn new(input: &'a Input<'a>) -> Self {
        let codes = input.codes;
        let (mut queries, mut biases) = (AlignedBytes::default(), Vec::new());
        if codes.measure() == Measure::Dot {
            queries = AlignedBytes::zeroed(codes.matrix().len());
            for (query, &code) in queries.iter_mut().zip(codes.matrix()) {
                *query = code ^ 0x80;
            }
            let sum = |query: &[u8]| query.iter().map(|&x| i32::from(x as i8)).sum::<i32>();
            biases = queries
                .chunks_exact(codes.stride())
                .map(|query| 128 * sum(query))
                .collect();
        }
        let started = input.rows.iter().map(|_| AtomicU8::new(0)).collect();
        let kernels = CodeKernels::best();
        Self {
            input,
            kernels,
            queries,
            biases,
            started,
            done: AtomicUsize::new(0),
        }
    }

    /// Counts the insertion of point `at`. An insertion's own point is the left operand of its
    /// first comparison, which is how its start can be seen from here.
    #[inline]
    fn note(&self, at: u32) {
        let flag = &self.started[at as usize];
        if flag.load(Ordering::Relaxed) == 0 && flag.swap(1, Ordering::Relaxed) == 0 {
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(PROGRESS_ROWS) {
                (self.input.progress)(done, self.input.rows.len());
            }
        }
    }
}

/// A point as `instant-distance` sees it: a handle into the codes.
#[derive(Clone, Copy)]
struct CodePoint<'a> {
    at: u32,
    shared: &'a Shared<'a>,
}

impl Point for CodePoint<'_> {
    fn distance(&self, other: &Self) -> f32 {
        self.shared.note(self.at);
        let (input, kernels) = (self.shared.input, self.shared.kernels);
        let codes: &Codes = input.codes;
        let (a, b) = (input.rows[self.at as usize], input.rows[other.at as usize]);
        match codes.measure() {
            Measure::Dot => {
                let stride = codes.stride();
                let query = &self.shared.queries[a as usize * stride..][..stride];
                let product = (kernels.dot)(query, codes.row(b)) - self.shared.biases[a as usize];
                -(product as f32)
            }
            Measure::L2 => (kernels.squared_l2)(codes.row(a), codes.row(b)) as f32,
            Measure::L1 => (kernels.l1)(codes.row(a), codes.row(b)) as f32,
        }
    }
}

/// A point adds nothing to a serialised graph.
impl serde::Serialize for CodePoint<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}
