//! The walk over a graph: best first, over one sorted pool of candidates.
//!
//! The paper's algorithm 2 keeps two heaps, candidates and results. Here both are one ascending
//! array of packed integers (distance, row, two flags): inserting moves a few hundred bytes at
//! most, "the nearest unexpanded" is a cursor, and the worst result is the last element.
//!
//! Filters act inside the walk. Rows that are not allowed stay in the pool as stepping stones but
//! are not counted: the pool ends at the `ef`th allowed row. When few rows are allowed
//! ([`TWO_HOP_SHARE`]) the pool would fill with stepping stones; then rows that are not allowed are
//! not compared at all, and the walk looks through them at *their* links instead (the idea of
//! ACORN, Patel et al. 2024).

use rows::RowId;

use crate::Allowed;
use crate::aligned::AlignedBytes;
use crate::graph::{Base, LevelView};
use crate::probe::sample_row;
use crate::space::Space;

/// Below this share of allowed rows a walk looks through the others instead of stepping on them.
pub(crate) const TWO_HOP_SHARE: f64 = 0.15;

/// Allowed rows that a two-hop walk starts from besides the entry: the neighbourhood of the query
/// may hold no allowed row at all.
const SEED_ROWS: usize = 16;

/// A walk that looks through rows collects about this many allowed ones per step: as many as a row
/// has links in an unfiltered walk.
const BATCH_ROWS: usize = 32;

/// It looks through at most this many rows per step, however few are allowed.
const BRIDGES_MAX: usize = 24;

/// How many rows ahead of the comparison their codes are asked for.
const PREFETCH_ROWS: usize = 8;

const EXPANDED: u64 = 1;
const ALLOWED: u64 = 2;

/// Distance above row above the flags.
#[inline]
fn pack(distance: u32, row: u32, allowed: bool) -> u64 {
    u64::from(distance) << 32 | u64::from(row) << 2 | u64::from(allowed) << 1
}

#[inline]
fn row_of(entry: u64) -> u32 {
    entry as u32 >> 2
}

/// The working memory of one search, kept between searches so that none allocates.
///
/// Owned by the caller: one per concurrent search. Any scratch serves any index.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) visited: Visited,
    pub(crate) pool: Pool,
    batch: Vec<u32>,
    bridges: Vec<u32>,
    pub(crate) code: AlignedBytes,
}

impl Scratch {
    /// Empty scratch; it grows to what the largest search needs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// Rows seen by the current search: one bit each.
#[derive(Debug, Default)]
pub(crate) struct Visited {
    words: Vec<u64>,
    // The rows set, so that clearing costs what the search cost and not what the segment holds.
    rows: Vec<u32>,
}

impl Visited {
    fn start(&mut self, rows: usize) {
        let words = rows.div_ceil(64);
        if self.rows.len() > words {
            self.words.fill(0);
        } else {
            for &row in &self.rows {
                self.words[row as usize / 64] = 0;
            }
        }
        self.rows.clear();
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
    }

    /// Marks `row`; returns whether it was unmarked.
    #[inline]
    fn insert(&mut self, row: u32) -> bool {
        let word = &mut self.words[row as usize / 64];
        let bit = 1 << (row % 64);
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        self.rows.push(row);
        true
    }

    /// Unmarks `row`.
    #[inline]
    fn remove(&mut self, row: u32) {
        self.words[row as usize / 64] &= !(1 << (row % 64));
    }
}

/// Candidates, nearest first.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    entries: Vec<u64>,
    ef: usize,
    hits: usize,
    next: usize,
}

impl Pool {
    fn start(&mut self, ef: usize) {
        self.entries.clear();
        self.ef = ef.max(1);
        self.hits = 0;
        self.next = 0;
    }

    /// Offers a candidate. Once `ef` allowed rows are held, the last of them ends the pool.
    #[inline]
    fn offer(&mut self, entry: u64) {
        if self.hits >= self.ef && self.entries.last().is_some_and(|&last| last < entry) {
            return;
        }
        let at = self.entries.partition_point(|&held| held < entry);
        self.entries.insert(at, entry);
        self.next = self.next.min(at);
        self.hits += usize::from(entry & ALLOWED != 0);
        if self.hits >= self.ef {
            if self.hits > self.ef {
                self.entries.pop();
                self.hits -= 1;
            }
            while self.entries.last().is_some_and(|last| last & ALLOWED == 0) {
                self.entries.pop();
            }
        }
    }

    /// The nearest row that was not expanded yet; marks it as expanded.
    #[inline]
    fn expand_next(&mut self) -> Option<u32> {
        while let Some(entry) = self.entries.get_mut(self.next) {
            self.next += 1;
            if *entry & EXPANDED == 0 {
                *entry |= EXPANDED;
                return Some(row_of(*entry));
            }
        }
        None
    }

    /// Whether all that is kept is within `distance`, and nothing that is not can get in.
    #[inline]
    fn is_full_of(&self, distance: u32) -> bool {
        let within = |&last: &u64| (last >> 32) as u32 <= distance;
        self.hits >= self.ef && self.entries.last().is_some_and(within)
    }

    /// The row that will be expanded next unless something nearer turns up.
    #[inline]
    fn peek(&self) -> Option<u32> {
        self.entries.get(self.next).map(|&entry| row_of(entry))
    }

    /// The allowed rows found, nearest first.
    pub(crate) fn allowed_rows(&self) -> impl Iterator<Item = RowId> + '_ {
        self.allowed_distances().map(|(_, row)| row)
    }

    /// The distance and row of the allowed rows found, nearest first.
    pub(crate) fn allowed_distances(&self) -> impl Iterator<Item = (u32, RowId)> + '_ {
        let allowed = self.entries.iter().filter(|&entry| entry & ALLOWED != 0);
        allowed.map(|&entry| ((entry >> 32) as u32, RowId(row_of(entry))))
    }

    /// All entries as (distance, row), nearest first.
    pub(crate) fn distances(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.entries
            .iter()
            .map(|&entry| ((entry >> 32) as u32, row_of(entry)))
    }
}

/// Walks down the upper levels (top first) from `entry`: the row of level zero nearest to the
/// query, as far as a greedy descent finds it.
pub(crate) fn descend<'a, S: Space + ?Sized>(
    levels: impl Iterator<Item = LevelView<'a>>,
    entry: u32,
    space: &S,
) -> u32 {
    let mut slot = entry;
    for level in levels {
        let mut nearest = space.distance(level.rows[slot as usize]);
        loop {
            let before = slot;
            let links = level.links(before);
            for &link in links {
                space.prefetch(level.rows[link as usize]);
            }
            let (fours, rest) = links.as_chunks::<4>();
            let four = |links: &[u32; 4]| links.map(|link| level.rows[link as usize]);
            for links in fours {
                for (&link, distance) in links.iter().zip(space.distances(four(links))) {
                    (nearest, slot) = (nearest, slot).min((distance, link));
                }
            }
            for &link in rest {
                let distance = space.distance(level.rows[link as usize]);
                (nearest, slot) = (nearest, slot).min((distance, link));
            }
            if slot == before {
                break;
            }
        }
        slot = level.below[slot as usize];
    }
    slot
}

/// Which way a filtered walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filtering {
    /// Rows that are not allowed are stepped on but not returned.
    StepOn,
    /// Rows that are not allowed are looked through.
    LookThrough,
}

/// Walks level zero from the rows `entries`, which [`descend`] found. Afterwards `scratch.pool`
/// holds what was found: up to `ef` allowed rows, nearest first, with the rows stepped on between
/// them.
pub(crate) fn walk<S: Space + ?Sized>(
    base: Base<'_>,
    entries: &[u32],
    space: &S,
    goal: &Goal<'_>,
    scratch: &mut Scratch,
) {
    scratch.visited.start(base.rows());
    scratch.pool.start(goal.ef);
    let mut walker = Walker {
        base,
        space,
        ceiling: goal.ceiling,
        scratch,
    };
    match (goal.filtering, goal.spread) {
        (_, true) => walker.seed(&goal.allowed, base.rows(), crate::probe::SAMPLE_ROWS),
        (Filtering::LookThrough, false) => walker.seed(&goal.allowed, base.rows(), SEED_ROWS),
        (Filtering::StepOn, false) => {}
    }
    match (goal.filtering, &goal.allowed) {
        (Filtering::StepOn, Allowed::All) => walker.step(entries, |_| true),
        (Filtering::StepOn, Allowed::Set(set)) => {
            walker.step(entries, |row| set.contains(RowId(row)));
        }
        (Filtering::StepOn, Allowed::Test(test)) => walker.step(entries, |row| test(RowId(row))),
        (Filtering::LookThrough, allowed) => {
            walker.look_through(entries, |row| allowed.contains(RowId(row)));
        }
    }
}

/// What a walk looks for.
pub(crate) struct Goal<'a> {
    /// Allowed rows to keep.
    pub(crate) ef: usize,
    /// Which rows count.
    pub(crate) allowed: Allowed<'a>,
    /// What to do with the others.
    pub(crate) filtering: Filtering,
    /// Whether to begin at rows spread over the segment too.
    pub(crate) spread: bool,
    /// The distance below which there is none, where many rows may have it: when as many as are
    /// kept have been found, the walk ends. Without it, it would go on to equally near rows that
    /// come before them, and there is no way that leads to those.
    pub(crate) ceiling: Option<u32>,
}

struct Walker<'a, S: ?Sized> {
    base: Base<'a>,
    space: &'a S,
    ceiling: Option<u32>,
    scratch: &'a mut Scratch,
}

impl<S: Space + ?Sized> Walker<'_, S> {
    /// Walks over all rows, counting the allowed ones.
    fn step(&mut self, entries: &[u32], allowed: impl Fn(u32) -> bool) {
        let Scratch { visited, pool, .. } = &mut *self.scratch;
        for &entry in entries {
            if visited.insert(entry) {
                pool.offer(pack(self.space.distance(entry), entry, allowed(entry)));
            }
        }
        while let Some(row) = self.next() {
            if let Some(next) = self.scratch.pool.peek() {
                self.base.prefetch(next);
            }
            self.scratch.batch.clear();
            for &link in self.base.links(row) {
                if self.scratch.visited.insert(link) {
                    if self.scratch.batch.len() < PREFETCH_ROWS {
                        self.space.prefetch(link);
                    }
                    self.scratch.batch.push(link);
                }
            }
            self.offer_batch(&allowed);
        }
    }

    /// Walks over allowed rows only, following the links of the others as if they were one's own.
    fn look_through(&mut self, entries: &[u32], allowed: impl Fn(u32) -> bool) {
        for &entry in entries {
            self.scratch.batch.clear();
            // A seed may be the entry: then it is in the pool already.
            if self.scratch.visited.insert(entry) {
                if allowed(entry) {
                    self.scratch.batch.push(entry);
                } else {
                    self.gather_through(entry, &allowed);
                }
            }
            self.offer_batch(&|_| true);
        }
        while let Some(row) = self.next() {
            self.scratch.batch.clear();
            self.gather_through(row, &allowed);
            self.offer_batch(&|_| true);
        }
    }

    /// The row to go on from, if there is a reason to go on.
    #[inline]
    fn next(&mut self) -> Option<u32> {
        let pool = &mut self.scratch.pool;
        match self.ceiling {
            Some(ceiling) if pool.is_full_of(ceiling) => None,
            Some(_) | None => pool.expand_next(),
        }
    }

    /// Collects unvisited allowed rows around `row`: its links, and where a link is not allowed,
    /// the links behind it, breadth first, until there are enough.
    fn gather_through(&mut self, row: u32, allowed: &impl Fn(u32) -> bool) {
        let Scratch {
            visited,
            batch,
            bridges,
            ..
        } = &mut *self.scratch;
        bridges.clear();
        let mut looked_through = 0;
        let mut from = row;
        loop {
            for &link in self.base.links(from) {
                if !visited.insert(link) {
                    continue;
                }
                if allowed(link) {
                    batch.push(link);
                } else {
                    bridges.push(link);
                    self.base.prefetch(link);
                }
            }
            let enough = batch.len() >= BATCH_ROWS || looked_through == BRIDGES_MAX;
            let Some(&bridge) = bridges.get(looked_through).filter(|_| !enough) else {
                break;
            };
            from = bridge;
            looked_through += 1;
        }
        // Bridges that were not needed from here may be needed from elsewhere.
        for &bridge in &bridges[looked_through..] {
            visited.remove(bridge);
        }
    }

    /// Puts up to `most` allowed rows, spread over the segment, into the pool.
    fn seed(&mut self, allowed: &Allowed<'_>, rows: usize, most: usize) {
        self.scratch.batch.clear();
        let sampled = rows.min(crate::probe::SAMPLE_ROWS);
        for at in 0..sampled {
            let row = sample_row(at, sampled, rows);
            if allowed.contains(row) && self.scratch.visited.insert(row.0) {
                self.scratch.batch.push(row.0);
            }
            if self.scratch.batch.len() == most {
                break;
            }
        }
        self.offer_batch(&|_| true);
    }

    /// Compares the rows of the batch with the query and offers them to the pool.
    #[inline]
    fn offer_batch(&mut self, allowed: &impl Fn(u32) -> bool) {
        let (pool, batch, space) = (&mut self.scratch.pool, &self.scratch.batch, self.space);
        let (fours, rest) = batch.as_chunks::<4>();
        for (at, &rows) in fours.iter().enumerate() {
            for &row in batch.iter().skip(at * 4 + PREFETCH_ROWS).take(4) {
                space.prefetch(row);
            }
            for (row, distance) in rows.into_iter().zip(space.distances(rows)) {
                pool.offer(pack(distance, row, allowed(row)));
            }
        }
        for &row in rest {
            pool.offer(pack(space.distance(row), row, allowed(row)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn visited_forgets_between_searches() {
        let mut visited = Visited::default();
        for rows in [100, 1000, 10] {
            visited.start(rows);
            assert!(visited.insert(9));
            assert!(!visited.insert(9));
            for row in 10..rows as u32 {
                assert!(visited.insert(row), "row {row} of {rows}");
            }
        }
    }

    proptest! {
        // The pool is what sorting everything and cutting behind the `ef`th allowed row gives.
        #[test]
        fn the_pool_keeps_the_nearest(
            offers in proptest::collection::btree_map(
                0_u32..200,
                (0_u32..50, any::<bool>()),
                0..80,
            ),
            ef in 1_usize..12,
        ) {
            let mut pool = Pool::default();
            pool.start(ef);
            for (&row, &(distance, allowed)) in &offers {
                pool.offer(pack(distance, row, allowed));
            }
            let mut all: Vec<(u32, u32, bool)> =
                offers.iter().map(|(&row, &(near, allowed))| (near, row, allowed)).collect();
            all.sort_unstable();
            let allowed = || all.iter().filter(|entry| entry.2);
            let expected: Vec<u32> = allowed().take(ef).map(|entry| entry.1).collect();
            prop_assert_eq!(pool.allowed_rows().map(|row| row.0).collect::<Vec<_>>(), expected);
            let end = if allowed().count() < ef {
                all.len()
            } else {
                all.iter().enumerate().filter(|(_, entry)| entry.2).nth(ef - 1).unwrap().0 + 1
            };
            let kept: Vec<(u32, u32)> = all[..end].iter().map(|entry| (entry.0, entry.1)).collect();
            prop_assert_eq!(pool.distances().collect::<Vec<_>>(), kept);
        }

        #[test]
        fn every_candidate_is_expanded_once(
            distances in proptest::collection::vec(0_u32..50, 1..60),
        ) {
            let mut pool = Pool::default();
            pool.start(100);
            let mut expanded = Vec::new();
            for (row, distance) in distances.iter().enumerate() {
                pool.offer(pack(*distance, row as u32, true));
                if row % 3 == 0 {
                    expanded.extend(pool.expand_next());
                }
            }
            while let Some(row) = pool.expand_next() {
                expanded.push(row);
            }
            expanded.sort_unstable();
            prop_assert_eq!(expanded, (0..distances.len() as u32).collect::<Vec<_>>());
        }
    }
}
