//! Scores of several vectors: what is asked when no single vector is what is looked for.
//!
//! A score is any function of the similarities of a row to some vectors. A walk needs no more than
//! an order of rows, so it goes by such a function as it goes by one similarity (as Qdrant walks
//! its graphs for recommendations and discoveries). What differs is where it begins: links lead
//! to rows that are near each other, and the best rows may be near to none of the vectors, or to
//! one that a descent from the top does not come to. [`crate::Hnsw::search_blend`]
//! therefore begins at several rows.

use std::cell::RefCell;

use rows::{RowId, Scored, TopK, rank_key};

use crate::flat::Rows;
use crate::space::{Scoring, Space};
use crate::{Allowed, DenseBlock};

/// How the similarities of a row to several vectors become one score.
pub trait Blend {
    /// The score of a row with these similarities, one per vector in the order of the probe;
    /// larger is better, of both.
    fn score(&self, similarities: &[f32]) -> f32;

    /// What a walk goes by: larger is better. It orders rows as their scores do, and may tell
    /// apart rows whose scores are rounded to the same number.
    fn promise(&self, similarities: &[f32]) -> u32 {
        promise_of(self.score(similarities))
    }

    /// How long to look for the rows nearest to the vector `at` alone before the walk by the
    /// score, as a share of the candidates that that one keeps. With 0 there is one descent.
    fn share(&self, at: usize) -> f64;

    /// The promise that no row exceeds and many may have, if there is such a one: a walk ends
    /// when it has found enough of them.
    fn ceiling(&self) -> Option<u32> {
        None
    }
}

/// A score as a promise: of equal order, NaN below everything.
#[must_use]
pub fn promise_of(score: f32) -> u32 {
    (rank_key(RowId(0), score) >> 32) as u32
}

/// One question with several vectors.
#[derive(Clone, Copy)]
pub struct BlendProbe<'a> {
    /// The vectors, each prepared as the rows are and of the block's `dim`; at least one.
    pub vectors: &'a [&'a [f32]],
    /// What becomes of the similarities to them.
    pub blend: &'a dyn Blend,
    /// Number of rows wanted, at most.
    pub k: usize,
    /// Number of candidates that a walk keeps. Raised to `k` when smaller.
    pub ef: usize,
    /// Which rows may be returned.
    pub allowed: Allowed<'a>,
}

/// The `k` best of `rows`, best first; ties by ascending row.
///
/// # Panics
/// When a vector has not the block's dimension or a row lies outside the block.
pub(crate) fn search_rows(
    block: &DenseBlock,
    probe: &BlendProbe<'_>,
    rows: impl IntoIterator<Item = RowId>,
) -> Vec<Scored> {
    let stored = probe.vectors.iter().map(|vector| Rows::new(block, vector));
    let mut stored: Vec<Rows<'_>> = stored.collect();
    let mut similarities = Vec::with_capacity(stored.len());
    let mut top = TopK::new(probe.k);
    for row in rows {
        similarities.clear();
        similarities.extend(stored.iter_mut().map(|stored| stored.score(row)));
        top.offer(row, probe.blend.score(&similarities));
    }
    top.into_sorted()
}

/// [`search_rows`] of all allowed rows.
pub(crate) fn search(block: &DenseBlock, probe: &BlendProbe<'_>) -> Vec<Scored> {
    let rows = (0..block.len() as u32).map(RowId);
    search_rows(
        block,
        probe,
        rows.filter(|&row| probe.allowed.contains(row)),
    )
}

/// Rows seen from several vectors at once.
pub(crate) struct BlendSpace<'a> {
    spaces: Vec<Box<dyn Scoring + 'a>>,
    blend: &'a dyn Blend,
    /// Similarities of up to four rows, those of a row side by side.
    similarities: RefCell<Vec<f32>>,
}

impl<'a> BlendSpace<'a> {
    /// Combines what `spaces` say, which see the same rows from one vector each.
    pub(crate) fn new(spaces: Vec<Box<dyn Scoring + 'a>>, blend: &'a dyn Blend) -> Self {
        Self {
            similarities: RefCell::new(vec![0.0; 4 * spaces.len()]),
            spaces,
            blend,
        }
    }

    /// The rows seen from one vector at a time.
    pub(crate) fn each(&self) -> impl Iterator<Item = &(dyn Scoring + 'a)> {
        self.spaces.iter().map(|space| &**space)
    }

    /// The score of `row` as near as the spaces know it.
    pub(crate) fn estimate(&self, row: u32) -> f32 {
        let mut similarities = self.similarities.borrow_mut();
        self.blend.score(self.of(row, &mut similarities))
    }

    fn of<'s>(&self, row: u32, similarities: &'s mut [f32]) -> &'s [f32] {
        for (similarity, space) in similarities.iter_mut().zip(&self.spaces) {
            *similarity = space.score(space.distance(row));
        }
        &similarities[..self.spaces.len()]
    }
}

impl Space for BlendSpace<'_> {
    fn distance(&self, row: u32) -> u32 {
        let mut similarities = self.similarities.borrow_mut();
        !self.blend.promise(self.of(row, &mut similarities))
    }

    fn distances(&self, rows: [u32; 4]) -> [u32; 4] {
        let mut similarities = self.similarities.borrow_mut();
        let vectors = self.spaces.len();
        for (at, space) in self.spaces.iter().enumerate() {
            for (lane, distance) in space.distances(rows).into_iter().enumerate() {
                similarities[lane * vectors + at] = space.score(distance);
            }
        }
        let of = |lane: usize| &similarities[lane * vectors..][..vectors];
        std::array::from_fn(|lane| !self.blend.promise(of(lane)))
    }

    fn prefetch(&self, row: u32) {
        // All of them see the same codes.
        if let Some(first) = self.spaces.first() {
            first.prefetch(row);
        }
    }
}
