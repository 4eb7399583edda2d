//! Our own builder: parallel, and the same graph whatever the number of threads.
//!
//! Rows are inserted in batches. All rows of a batch look for their neighbours in the graph as it
//! was before the batch (in parallel, reading only), then the links back to them are added, grouped
//! by the row that receives them (in parallel again, each group on its own). Nothing depends on who
//! is first, so nothing is locked and nothing varies. Rows of one batch do not see each other; a
//! batch is therefore a small share of what is already there (prefix doubling, as in ParlayANN,
//! Manohar et al. 2024).
//!
//! Levels are prefixes of the insertion order: once the rows of a level are in, their links so far
//! *are* that level's graph, and a copy of them is kept (as `instant-distance` does). Only level
//! zero is ever built.

use std::marker::PhantomData;
use std::sync::Mutex;

use kernels::code::CodeKernels;
use rayon::prelude::*;

use super::{Builder, Input};
use crate::Allowed;
use crate::aligned::AlignedBytes;
use crate::codes::{Codes, Measure};
use crate::graph::{Base, LevelView, Links, NONE, UpperLevel};
use crate::hnsw::HnswParams;
use crate::mix::mix;
use crate::space::{ByDot, ByL1, ByL2, CodeMeasure, CodeSpace, Space, UNSCORED};
use crate::walk::{self, Filtering, Goal, Scratch};

/// A batch is at most one in this many of the rows before it.
const BATCH_SHARE: usize = 32;
/// Rows in a batch at most: bounds the memory for links on their way.
const BATCH_ROWS_MAX: usize = 4096;
/// A level of fewer rows than this helps nobody.
const LEVEL_ROWS_MIN: usize = 16;
/// Rows that one task inserts with the same scratch.
const TASK_ROWS: usize = 32;

/// Inserts rows in batches.
pub(crate) struct Batches;

impl Builder for Batches {
    fn build(&self, input: &Input<'_>, params: &HnswParams) -> Links {
        match input.codes.measure() {
            Measure::Dot => Build::<ByDot>::new(input, params).run(),
            Measure::L2 => Build::<ByL2>::new(input, params).run(),
            Measure::L1 => Build::<ByL1>::new(input, params).run(),
        }
    }
}

/// A link with its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Near {
    distance: u32,
    row: u32,
}

/// A link back: `to` should lead to `near.row`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Back {
    to: u32,
    near: Near,
}

struct Build<'a, M> {
    input: &'a Input<'a>,
    params: &'a HnswParams,
    kernels: &'static CodeKernels,
    links: Links,
    // The length of every link of level zero: comparing again would cost more than remembering.
    lengths: Vec<u32>,
    scratches: Mutex<Vec<Workspace>>,
    measure: PhantomData<M>,
}

/// What one task works with.
#[derive(Default)]
struct Workspace {
    walk: Scratch,
    query: AlignedBytes,
    candidates: Vec<Near>,
}

impl<'a, M: CodeMeasure + Sync> Build<'a, M> {
    fn new(input: &'a Input<'a>, params: &'a HnswParams) -> Self {
        let places = input.codes.len() * 2 * params.m;
        Self {
            input,
            params,
            kernels: CodeKernels::best(),
            links: Links {
                per_row: 2 * params.m,
                per_upper: params.m,
                base: vec![NONE; places],
                levels: Vec::new(),
                entry: 0,
            },
            lengths: vec![0; places],
            scratches: Mutex::new(Vec::new()),
            measure: PhantomData,
        }
    }

    fn run(mut self) -> Links {
        let order = insertion_order(self.input.rows, self.params.seed);
        let Some(&first) = order.first() else {
            return self.links;
        };
        self.links.entry = first;
        let mut level_ends = level_sizes(order.len(), self.params.m);
        let mut done = 1;
        while done < order.len() {
            let level_end = level_ends.last().copied().unwrap_or(order.len());
            let batch = (done / BATCH_SHARE)
                .clamp(1, BATCH_ROWS_MAX)
                .min(level_end - done);
            self.insert(&order[done..done + batch]);
            done += batch;
            if done == level_end && level_ends.pop().is_some() {
                self.keep_level(&order[..done]);
            }
            (self.input.progress)(done, order.len());
        }
        self.finish()
    }

    /// Brings the levels, kept top first, into their stored order.
    fn finish(mut self) -> Links {
        self.links.levels.reverse();
        self.links
    }

    /// Inserts the rows of one batch.
    fn insert(&mut self, batch: &[u32]) {
        let found: Vec<Vec<Near>> = batch
            .par_chunks(TASK_ROWS)
            .flat_map_iter(|rows| {
                self.with_workspace(|work| {
                    rows.iter()
                        .map(|&row| self.neighbours(row, work))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut backs = Vec::new();
        for (&row, near) in batch.iter().zip(&found) {
            self.store(row, near);
            backs.extend(near.iter().map(|link| Back {
                to: link.row,
                near: Near {
                    distance: link.distance,
                    row,
                },
            }));
        }
        backs.par_sort_unstable();
        let groups: Vec<&[Back]> = backs.chunk_by(|a, b| a.to == b.to).collect();
        let updated: Vec<Vec<Near>> = groups
            .par_chunks(TASK_ROWS)
            .flat_map_iter(|groups| {
                self.with_workspace(|work| {
                    groups
                        .iter()
                        .map(|group| self.with_links_back(group, work))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for (group, near) in groups.iter().zip(&updated) {
            self.store(group[0].to, near);
        }
    }

    fn with_workspace<T>(&self, task: impl FnOnce(&mut Workspace) -> T) -> T {
        let pooled = self
            .scratches
            .lock()
            .expect("no task panics holding it")
            .pop();
        let mut work = pooled.unwrap_or_default();
        let result = task(&mut work);
        self.scratches
            .lock()
            .expect("no task panics holding it")
            .push(work);
        result
    }

    /// The rows that the new `row` should lead to, nearest first.
    fn neighbours(&self, row: u32, work: &mut Workspace) -> Vec<Near> {
        let mut query = std::mem::take(&mut work.query);
        self.input.codes.row_as_query(row, &mut query);
        let space = self.space(&query);
        let base = Base::new(&self.links.base, self.links.per_row);
        let goal = Goal {
            ef: self.params.ef_construct,
            allowed: Allowed::All,
            filtering: Filtering::StepOn,
            spread: false,
            ceiling: None,
        };
        let per_upper = self.links.per_upper;
        // Levels are kept top first while building, and the first row is slot 0 of all of them.
        let levels = self.links.levels.iter().map(|level| view(level, per_upper));
        let entry = if self.links.levels.is_empty() {
            self.links.entry
        } else {
            0
        };
        let entry = walk::descend(levels, entry, &space);
        walk::walk(base, &[entry], &space, &goal, &mut work.walk);
        work.candidates.clear();
        let found = work.walk.pool.distances();
        work.candidates
            .extend(found.map(|(distance, row)| Near { distance, row }));
        work.query = query;
        self.diverse(self.links.per_row, work)
    }

    /// The links of the row that `group` leads to, with the links back added: all of them while
    /// there is room, else a diverse choice.
    fn with_links_back(&self, group: &[Back], work: &mut Workspace) -> Vec<Near> {
        let to = group[0].to as usize;
        let per_row = self.links.per_row;
        let places = to * per_row..(to + 1) * per_row;
        let held = self.links.base[places.clone()]
            .iter()
            .zip(&self.lengths[places]);
        work.candidates.clear();
        work.candidates.extend(
            held.filter(|(row, _)| **row != NONE)
                .map(|(&row, &distance)| Near { distance, row }),
        );
        work.candidates.extend(group.iter().map(|back| back.near));
        work.candidates.sort_unstable();
        if work.candidates.len() <= per_row {
            return work.candidates.clone();
        }
        self.diverse(per_row, work)
    }

    /// Chooses at most `count` of the candidates (nearest first): one that is nearer to a chosen
    /// one than to the row itself is passed over, since a walk gets there through the chosen one
    /// (the paper's algorithm 4). Candidates passed over do not fill the list up: a short list of
    /// links in all directions is walked faster than a full one.
    fn diverse(&self, count: usize, work: &mut Workspace) -> Vec<Near> {
        let mut chosen: Vec<Near> = Vec::with_capacity(count);
        let mut query = std::mem::take(&mut work.query);
        for &candidate in &work.candidates {
            if chosen.len() == count {
                break;
            }
            self.input.codes.row_as_query(candidate.row, &mut query);
            if !self.any_nearer(&self.space(&query), &chosen, candidate.distance) {
                chosen.push(candidate);
            }
        }
        work.query = query;
        chosen
    }

    /// Whether one of `rows` is nearer than `distance` in `space`.
    fn any_nearer(&self, space: &CodeSpace<'_, M>, rows: &[Near], distance: u32) -> bool {
        let (fours, rest) = rows.as_chunks::<4>();
        fours.iter().any(|four| {
            space
                .distances(four.map(|near| near.row))
                .iter()
                .any(|&d| d < distance)
        }) || rest.iter().any(|near| space.distance(near.row) < distance)
    }

    fn store(&mut self, row: u32, near: &[Near]) {
        let per_row = self.links.per_row;
        let places = row as usize * per_row..(row as usize + 1) * per_row;
        let (links, lengths) = (
            &mut self.links.base[places.clone()],
            &mut self.lengths[places],
        );
        links.fill(NONE);
        for (at, link) in near.iter().enumerate() {
            links[at] = link.row;
            lengths[at] = link.distance;
        }
    }

    /// Keeps the links of the first rows as the next lower level.
    fn keep_level(&mut self, rows: &[u32]) {
        let mut slot_of = vec![NONE; self.input.codes.len()];
        for (slot, &row) in rows.iter().enumerate() {
            slot_of[row as usize] = slot as u32;
        }
        let base = Base::new(&self.links.base, self.links.per_row);
        let mut links = vec![NONE; rows.len() * self.links.per_upper];
        for (places, &row) in links.chunks_exact_mut(self.links.per_upper).zip(rows) {
            for (place, &link) in places.iter_mut().zip(base.links(row)) {
                *place = slot_of[link as usize];
            }
        }
        // Slots are places in the insertion order, so the slot above is the slot below.
        for level in &mut self.links.levels {
            level.below = (0..level.rows.len() as u32).collect();
        }
        self.links.levels.push(UpperLevel {
            rows: rows.to_vec(),
            below: rows.to_vec(),
            links,
        });
        self.links.entry = 0;
    }

    fn space<'q>(&'q self, query: &'q [u8]) -> CodeSpace<'q, M> {
        let codes: &Codes = self.input.codes;
        CodeSpace::new(codes, query, UNSCORED, self.kernels)
    }
}

fn view(level: &UpperLevel, per_upper: usize) -> LevelView<'_> {
    LevelView {
        rows: &level.rows,
        below: &level.below,
        links: &level.links,
        per_upper,
    }
}

/// The rows in an order that depends on the seed only: neighbours in a file are often neighbours in
/// space, and inserting them one after the other makes a poor graph.
fn insertion_order(rows: &[u32], seed: u64) -> Vec<u32> {
    let mut keyed: Vec<(u64, u32)> = rows
        .iter()
        .map(|&row| (mix(seed ^ u64::from(row)), row))
        .collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// Rows of each upper level, lowest (largest) first: one in `m` of the level below.
fn level_sizes(rows: usize, m: usize) -> Vec<usize> {
    std::iter::successors(Some(rows / m), |size| Some(size / m))
        .take_while(|&size| size >= LEVEL_ROWS_MIN)
        .collect()
}

#[cfg(test)]
mod tests {
    use model::Metric;

    use super::*;
    use crate::DenseBlock;

    fn codes(rows: usize) -> Codes {
        let matrix: Vec<f32> = (0..rows * 8)
            .map(|x| (mix(x as u64) % 1000) as f32)
            .collect();
        Codes::encode(
            &DenseBlock::from_rows(&matrix, 8, Metric::L2).unwrap(),
            None,
        )
    }

    fn build(codes: &Codes, seed: u64, threads: usize) -> Links {
        let rows: Vec<u32> = (0..codes.len() as u32).collect();
        let input = Input {
            codes,
            rows: &rows,
            progress: &|_, _| {},
        };
        let params = HnswParams {
            m: 8,
            ef_construct: 40,
            seed,
            ..HnswParams::default()
        };
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| Batches.build(&input, &params))
    }

    #[test]
    fn the_graph_depends_on_the_seed_and_not_on_threads() {
        let codes = codes(3000);
        let one = build(&codes, 1, 1);
        assert_eq!(build(&codes, 1, 3), one);
        assert_ne!(build(&codes, 2, 1), one);
    }

    #[test]
    fn levels_thin_out_and_hang_together() {
        let links = build(&codes(3000), 1, 1);
        let sizes: Vec<usize> = links.levels.iter().map(|level| level.rows.len()).collect();
        assert_eq!(sizes, [375, 46]);
        for (at, level) in links.levels.iter().enumerate() {
            for (slot, &below) in level.below.iter().enumerate() {
                let row = if at == 0 {
                    below
                } else {
                    links.levels[at - 1].rows[below as usize]
                };
                assert_eq!(row, level.rows[slot]);
            }
        }
    }

    #[test]
    fn links_are_nearest_first_and_no_row_leads_to_itself() {
        let codes = codes(500);
        let links = build(&codes, 1, 1);
        let base = Base::new(&links.base, links.per_row);
        for row in 0..500 {
            let mut query = AlignedBytes::default();
            codes.row_as_query(row, &mut query);
            let space = CodeSpace::<ByL2>::new(&codes, &query, UNSCORED, CodeKernels::best());
            let lengths: Vec<u32> = base
                .links(row)
                .iter()
                .map(|&link| space.distance(link))
                .collect();
            assert!(!lengths.is_empty() && lengths.is_sorted());
            assert!(base.links(row).iter().all(|&link| link != row));
        }
    }
}
