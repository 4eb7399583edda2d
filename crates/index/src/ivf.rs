//! Inverted lists: rows by the cluster that they are nearest to, of which a search looks through
//! the nearest few.
//!
//! Sivic & Zisserman 2003; with product codes Jégou, Douze & Schmid 2011. The clusters are those
//! of one immutable block ([`build`]). Without codes the rows of a list are compared in `f32`, and
//! what a search finds is exact among the lists that it looked through; with codes the best
//! candidates are compared again in `f32`.
//!
//! A filter is asked inside the lists, and a search that has found fewer than it wants goes on
//! with the next nearest list, to the last if need be.
//!
//! Layout of the block `lists`, all numbers 32-bit little-endian, every part starting on a 64-byte
//! line: a header (magic; rows of the block, dimension, clusters, listed rows), the centroids
//! (`f32`), for each cluster the end of its list, and the rows of all lists, ascending within each.
//! The block `codes`, when there is one, holds the codes of the listed rows in that order.

use bytes::Bytes;
use kernels::code::CodeKernels;
use model::Metric;
use rows::{BitSet, RowId, Scored, TopK};

use crate::aligned::{AlignedBytes, LINE_BYTES, le_bytes, viewable, whole_lines};
use crate::block::BlockShape;
use crate::clusters::Clusters;
use crate::codes::{self, Codes};
use crate::flat::Rows;
use crate::hnsw::{Blocks, CLIPPED_SHARE_MAX, RESCORED_EXTRA};
use crate::open_error::{self, OpenError};
use crate::space::{Scoring, with_code_space};
use crate::walk_codes::WalkCodes;
use crate::{CodeKind, CodeUse, DenseBlock, Probe, Scratch, Similarity, flat};

/// Name of the block that holds the lists.
const BLOCK: &str = "lists";

const MAGIC: [u8; 8] = *b"SKLISTS1";
const HEADER_BYTES: usize = LINE_BYTES;
/// Lists that are looked through unless a search says how many: this share of all …
const NPROBE_SHARE: usize = 12;
/// … and at least so many.
const NPROBE_MIN: usize = 8;

/// Builds the lists of `block` and returns the blocks to store, for [`Ivf::open`].
///
/// `present` leaves out rows that have no vector or are deleted. There are `clusters` lists, but no
/// more than rows and at least one. `codes`: what the rows of a list are compared by; `None`: the
/// rows. `progress(done, total)` is called now and then. Equal input gives equal bytes.
#[must_use]
pub fn build(
    block: &DenseBlock,
    present: Option<&BitSet>,
    clusters: usize,
    codes: Option<CodeKind>,
    progress: &dyn Fn(usize, usize),
) -> Blocks {
    let block = &*block.widened();
    let rows: Vec<u32> = (0..block.len() as u32)
        .filter(|&row| present.is_none_or(|present| present.contains(row.into())))
        .collect();
    let count = clusters.clamp(1, rows.len().max(1));
    let (centroids, lists) = if rows.is_empty() {
        (vec![0.0; block.dim()], vec![Vec::new()])
    } else {
        let clusters = Clusters::train(block, &rows, count, progress);
        let mut lists = vec![Vec::new(); count];
        for (&row, cluster) in rows.iter().zip(clusters.nearest_of(block, &rows)) {
            lists[cluster as usize].push(row);
        }
        (clusters.centroids().to_vec(), lists)
    };
    let listed = lists.concat();
    let mut blocks = vec![(BLOCK, encode(block, &centroids, &lists, &listed))];
    if let Some(kind) = codes {
        let dim = block.dim();
        let row = |&row: &u32| &block.matrix()[row as usize * dim..][..dim];
        let matrix: Vec<f32> = listed.iter().flat_map(row).copied().collect();
        let ordered = DenseBlock::from_rows(&matrix, dim, block.metric());
        let ordered = ordered.expect("rows of a block make a block");
        let codes = WalkCodes::encode(&ordered, kind, Codes::encode(&ordered, None));
        blocks.push((codes::BLOCK, codes.bytes().clone()));
    }
    blocks
}

fn encode(block: &DenseBlock, centroids: &[f32], lists: &[Vec<u32>], listed: &[u32]) -> Bytes {
    let counts = Counts {
        dim: block.dim(),
        clusters: lists.len(),
        listed: listed.len(),
    };
    let (starts, length) = counts.layout();
    let mut bytes = AlignedBytes::zeroed(length);
    bytes[..8].copy_from_slice(&MAGIC);
    let header = [block.len(), counts.dim, counts.clusters, counts.listed].map(|n| n as u32);
    bytes[8..][..size_of_val(&header)].copy_from_slice(&le_bytes(&header));
    let centroids: Vec<u32> = centroids.iter().map(|x| x.to_bits()).collect();
    let ends = lists.iter().scan(0, |end, list| {
        *end += list.len() as u32;
        Some(*end)
    });
    let ends: Vec<u32> = ends.collect();
    for (part, at) in [&centroids[..], &ends, listed].into_iter().zip(starts) {
        bytes[at..][..size_of_val(part)].copy_from_slice(&le_bytes(part));
    }
    bytes.into_bytes()
}

/// How many there are of each; from it follows where every part lies.
#[derive(Clone, Copy, Debug)]
struct Counts {
    dim: usize,
    clusters: usize,
    listed: usize,
}

impl Counts {
    /// Where the three parts start, and the length of all.
    fn layout(self) -> ([usize; 3], usize) {
        let words = |count: usize| whole_lines(count * size_of::<u32>());
        let ends = HEADER_BYTES + words(self.clusters * self.dim);
        let rows = ends + words(self.clusters);
        ([HEADER_BYTES, ends, rows], rows + words(self.listed))
    }
}

/// Lists over the rows of one block, ready to search.
#[derive(Clone, Debug)]
pub struct Ivf {
    block: DenseBlock,
    bytes: Bytes,
    counts: Counts,
    codes: Option<WalkCodes>,
    similarity: Similarity,
}

impl Ivf {
    /// Opens the stored `blocks` of lists over `block`, without copying them.
    ///
    /// # Errors
    /// `Corrupt` when a block is missing, damaged or of another block's rows.
    pub fn open(
        blocks: &[(impl AsRef<str>, Bytes)],
        block: DenseBlock,
    ) -> Result<Self, model::Error> {
        let find = |name: &str| {
            let mut blocks = blocks.iter();
            blocks
                .find(|(stored, _)| stored.as_ref() == name)
                .map(|(_, bytes)| bytes.clone())
        };
        let bytes = find(BLOCK).ok_or(OpenError::Missing { name: BLOCK })?;
        let [rows, dim, clusters, listed] = open_error::header(&bytes, BLOCK)?;
        if bytes[..8] != MAGIC {
            return Err(OpenError::Format { name: BLOCK }.into());
        }
        open_error::same("length", rows as usize, block.len())?;
        open_error::same("dimension", dim as usize, block.dim())?;
        let counts = Counts {
            dim: block.dim(),
            clusters: clusters as usize,
            listed: listed as usize,
        };
        // Before anything is computed from them that might overflow.
        open_error::same(
            "number of listed rows",
            counts.listed,
            counts.listed.min(block.len()),
        )?;
        let lists_max = block.len().max(1);
        open_error::same(
            "number of lists",
            counts.clusters,
            counts.clusters.min(lists_max),
        )?;
        open_error::whole(BLOCK, bytes.len(), counts.layout().1)?;
        let shape = BlockShape {
            len: counts.listed,
            ..block.shape()
        };
        let codes = find(codes::BLOCK).map(|bytes| WalkCodes::open(bytes, shape));
        let lists = Self {
            similarity: Similarity::for_metric(block.metric()).expect("a block refuses bits"),
            bytes: viewable(bytes)?,
            codes: codes.transpose()?,
            counts,
            block,
        };
        lists.check()?;
        Ok(lists)
    }

    /// Checks everything that a search follows.
    fn check(&self) -> Result<(), OpenError> {
        let wrong = |what, value: u32| OpenError::Value {
            what,
            value: value.into(),
        };
        let last = self.ends().last().copied().unwrap_or(0);
        if !self.ends().is_sorted() || last as usize != self.counts.listed {
            return Err(wrong("end of lists", last));
        }
        let outside = |row: &&u32| **row as usize >= self.block.len();
        match self.listed().iter().find(outside) {
            Some(&row) => Err(wrong("row in a list", row)),
            None => Ok(()),
        }
    }

    fn words(&self, part: usize, count: usize) -> &[u32] {
        let start = self.counts.layout().0[part];
        bytemuck::cast_slice(&self.bytes[start..][..count * size_of::<u32>()])
    }

    fn centroids(&self) -> &[f32] {
        bytemuck::cast_slice(self.words(0, self.counts.clusters * self.counts.dim))
    }

    fn ends(&self) -> &[u32] {
        self.words(1, self.counts.clusters)
    }

    fn listed(&self) -> &[u32] {
        self.words(2, self.counts.listed)
    }

    /// Number of lists.
    #[must_use]
    pub fn lists(&self) -> usize {
        self.counts.clusters
    }

    /// How many lists a search looks through that does not say.
    #[must_use]
    pub fn nprobe_default(&self) -> usize {
        let share = self.counts.clusters.div_ceil(NPROBE_SHARE);
        share.max(NPROBE_MIN).min(self.counts.clusters)
    }

    /// Size of the stored lists and codes in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.bytes.len() + self.codes.as_ref().map_or(0, |codes| codes.bytes().len())
    }

    /// The allowed rows most similar to the probe in the `nprobe` nearest lists (all, when there
    /// are fewer), and in further ones while fewer than `k` were found; best first, ties by
    /// ascending row. `ef` is ignored.
    ///
    /// Scores are those of [`flat::search`], unless `codes` asks for the scores of codes.
    ///
    /// # Panics
    /// When the probe's vector has not the block's dimension.
    #[must_use]
    pub fn search(
        &self,
        probe: &Probe<'_>,
        nprobe: usize,
        codes: &CodeUse,
        scratch: &mut Scratch,
    ) -> Vec<Scored> {
        assert_eq!(
            probe.vector.len(),
            self.block.dim(),
            "query of the wrong dimension"
        );
        if probe.k == 0 {
            return Vec::new();
        }
        let order = self.nearest_lists(probe.vector);
        let mut code = std::mem::take(&mut scratch.code);
        let aimed = self.block.aimed(probe.vector);
        let found = match &self.codes {
            None => self.exact(probe, nprobe, &order),
            Some(_) if codes.ignore => self.exact(probe, nprobe, &order),
            Some(WalkCodes::Bytes(bytes)) if bytes.clipped_share(&aimed) > CLIPPED_SHARE_MAX => {
                self.exact(probe, nprobe, &order)
            }
            Some(WalkCodes::Bytes(bytes)) => {
                let unit = bytes.encode_query(&aimed, &mut code);
                with_code_space!(bytes, &code, unit, CodeKernels::best(), |space| {
                    self.coded(space, probe, nprobe, &order, codes)
                })
            }
            Some(WalkCodes::Product(product)) => {
                let space = product.space(&aimed, &mut code);
                self.coded(&space, probe, nprobe, &order, codes)
            }
            Some(WalkCodes::Planes(planes)) => {
                let space = planes.space(&aimed, codes.query, &mut code);
                self.coded(&space, probe, nprobe, &order, codes)
            }
        };
        scratch.code = code;
        found
    }

    /// All lists, the nearest first.
    fn nearest_lists(&self, vector: &[f32]) -> Vec<u32> {
        let mut scored: Vec<(f32, u32)> = self
            .centroids()
            .chunks_exact(self.counts.dim)
            .zip(0..)
            .map(|(centroid, at)| (self.similarity.between(vector, centroid), at))
            .collect();
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.into_iter().map(|(_, at)| at).collect()
    }

    /// Positions of the rows of a list.
    fn list(&self, at: u32) -> std::ops::Range<usize> {
        let ends = self.ends();
        let before = (at as usize).checked_sub(1);
        before.map_or(0, |before| ends[before] as usize)..ends[at as usize] as usize
    }

    /// Calls `look` with the positions of one list after the other; `look` says how many rows
    /// there are by then.
    fn look_through(
        &self,
        order: &[u32],
        nprobe: usize,
        wanted: usize,
        mut look: impl FnMut(std::ops::Range<usize>) -> usize,
    ) {
        let mut found = 0;
        for (at, &list) in order.iter().enumerate() {
            if at >= nprobe.max(1) && found >= wanted {
                break;
            }
            found = look(self.list(list));
        }
    }

    fn exact(&self, probe: &Probe<'_>, nprobe: usize, order: &[u32]) -> Vec<Scored> {
        let mut rows = Rows::new(&self.block, probe.vector);
        let mut top = TopK::new(probe.k);
        self.look_through(order, nprobe, probe.k, |list| {
            let listed = self.listed()[list].iter().map(|&row| RowId(row));
            let mut listed = listed.filter(|&row| probe.allowed.contains(row)).peekable();
            while let Some(row) = listed.next() {
                if let Some(&next) = listed.peek() {
                    self.block.prefetch(next);
                }
                top.offer(row, rows.score(row));
            }
            top.len()
        });
        top.into_sorted()
    }

    fn coded<S: Scoring>(
        &self,
        space: &S,
        probe: &Probe<'_>,
        nprobe: usize,
        order: &[u32],
        codes: &CodeUse,
    ) -> Vec<Scored> {
        let wanted = if codes.rescore {
            self.candidates(probe.k, codes)
        } else {
            probe.k
        };
        let mut top = TopK::new(wanted);
        let mut positions = Vec::new();
        self.look_through(order, nprobe, probe.k, |list| {
            let allowed = |&at: &usize| probe.allowed.contains(RowId(self.listed()[at]));
            positions.clear();
            positions.extend(list.filter(allowed).map(|at| at as u32));
            let mut offer = |at: u32, distance| {
                let row = RowId(self.listed()[at as usize]);
                top.offer(row, space.score(distance));
            };
            let (fours, rest) = positions.as_chunks::<4>();
            for four in fours {
                let distances = space.distances(*four);
                for (&at, distance) in four.iter().zip(distances) {
                    offer(at, distance);
                }
            }
            for &at in rest {
                offer(at, space.distance(at));
            }
            top.len()
        });
        let found = top.into_sorted();
        if !codes.rescore {
            return found;
        }
        let rows = found.iter().map(|hit| hit.row);
        flat::search_candidates(&self.block, probe.vector, rows, probe.k)
    }

    /// Candidates to be compared again for `k` wanted rows.
    fn candidates(&self, k: usize, codes: &CodeUse) -> usize {
        let times = |factor: f64| libm::ceil(k as f64 * factor) as usize;
        let needed = || self.codes.as_ref().map_or(1.0, WalkCodes::oversampling);
        match codes.oversampling {
            Some(factor) => times(factor).max(k),
            None => times(needed()).max(k + RESCORED_EXTRA),
        }
    }

    /// Whether scanning `allowed_rows` rows exactly is expected to cost no more than looking
    /// through `nprobe` lists.
    #[must_use]
    pub fn scan_is_cheaper(&self, allowed_rows: usize, nprobe: usize) -> bool {
        let compared = self.counts.clusters
            + self.counts.listed * nprobe.min(self.counts.clusters) / self.counts.clusters.max(1);
        allowed_rows <= compared
    }

    /// How rows are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.block.metric()
    }
}

#[cfg(test)]
mod tests {
    use model::ProductRatio;
    use proptest::prelude::*;

    use super::*;
    use crate::Allowed;
    use crate::mix::mix;

    const DIM: usize = 12;

    /// Rows around a few centres.
    fn rows(count: usize, seed: u64) -> Vec<f32> {
        let noise = |at: u64| (mix(seed ^ at) % 2001) as f32 / 1000.0 - 1.0;
        (0..count as u64)
            .flat_map(|row| {
                let centre = mix(seed + 7 * row) % 20;
                (0..DIM as u64).map(move |at| {
                    noise(1_000_003 * centre + at) * 4.0 + noise(row * DIM as u64 + at + 99)
                })
            })
            .collect()
    }

    fn open(blocks: &Blocks, block: &DenseBlock) -> Result<Ivf, model::Error> {
        Ivf::open(blocks, block.clone())
    }

    fn probe<'a>(vector: &'a [f32], k: usize, allowed: Allowed<'a>) -> Probe<'a> {
        Probe {
            vector,
            k,
            ef: 0,
            allowed,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        // Without codes, and with all lists, nothing is approximate.
        #[test]
        fn all_lists_hold_the_exact_answer(
            count in 1_usize..300,
            clusters in 1_usize..40,
            seed in 0_u64..1000,
            modulus in 1_u32..6,
            k in 0_usize..20,
            metric in prop_oneof![
                Just(Metric::Dot), Just(Metric::Cosine), Just(Metric::L2), Just(Metric::L1)
            ],
        ) {
            let mut matrix = rows(count, seed);
            if metric == Metric::Cosine {
                for row in matrix.chunks_exact_mut(DIM) {
                    kernels::float::normalize(row);
                }
            }
            let block = DenseBlock::from_rows(&matrix, DIM, metric).unwrap();
            let present = BitSet::from_rows(
                count,
                (0..count as u32).filter(|row| row % 7 != 3).map(RowId),
            );
            let lists = build(&block, Some(&present), clusters, None, &|_, _| ());
            let lists = open(&lists, &block).unwrap();
            prop_assert_eq!(lists.lists(), clusters.clamp(1, present.count().max(1)));
            let query = rows(1, seed + 1);
            let passes = |row: RowId| row.0.is_multiple_of(modulus);
            let listed = |row: RowId| passes(row) && present.contains(row);
            let expected = flat::search(&block, &probe(&query, k, Allowed::Test(&listed)));
            let mut scratch = Scratch::default();
            let asked = probe(&query, k, Allowed::Test(&passes));
            let found = lists.search(&asked, clusters, &CodeUse::default(), &mut scratch);
            prop_assert_eq!(&found, &expected);
            // One list is looked through, or as many as it takes to find enough.
            let few = lists.search(&asked, 1, &CodeUse::default(), &mut scratch);
            prop_assert_eq!(few.len(), expected.len());
        }

        #[test]
        fn damage_is_refused_or_harmless(at in 0_usize..4000, flip in 1_u8..=255) {
            let block = DenseBlock::from_rows(&rows(60, 5), DIM, Metric::L2).unwrap();
            let mut blocks = build(&block, None, 5, Some(CodeKind::default()), &|_, _| ());
            for part in 0..2 {
                let mut bytes = blocks[part].1.to_vec();
                let at = at % bytes.len();
                bytes[at] ^= flip;
                let whole = std::mem::replace(&mut blocks[part].1, bytes.into());
                if let Ok(lists) = open(&blocks, &block) {
                    let query = rows(1, 6);
                    let asked = probe(&query, 5, Allowed::All);
                    let found =
                        lists.search(&asked, 3, &CodeUse::default(), &mut Scratch::default());
                    prop_assert!(found.iter().all(|hit| hit.row.index() < 60));
                }
                blocks[part].1 = whole;
            }
        }
    }

    #[test]
    fn most_neighbours_are_found_by_default() {
        let block = DenseBlock::from_rows(&rows(3000, 11), DIM, Metric::L2).unwrap();
        let kinds = [
            None,
            Some(CodeKind::default()),
            Some(CodeKind::Product(ProductRatio::X8)),
        ];
        for kind in kinds {
            let blocks = build(&block, None, 64, kind, &|_, _| ());
            assert_eq!(blocks, build(&block, None, 64, kind, &|_, _| ()));
            let lists = open(&blocks, &block).unwrap();
            let mut shared = 0;
            for seed in 0..40 {
                let query = rows(1, 11 + 7 * seed);
                let asked = probe(&query, 10, Allowed::All);
                let exact = flat::search(&block, &asked);
                let found = lists.search(
                    &asked,
                    lists.nprobe_default(),
                    &CodeUse::default(),
                    &mut Scratch::default(),
                );
                shared += found.iter().filter(|hit| exact.contains(hit)).count();
            }
            assert!(shared >= 380, "{kind:?}: {shared} of 400");
        }
    }

    #[test]
    fn a_block_without_rows_has_one_empty_list() {
        let block = DenseBlock::from_rows(&[], DIM, Metric::Dot).unwrap();
        let blocks = build(&block, None, 10, Some(CodeKind::default()), &|_, _| ());
        let lists = open(&blocks, &block).unwrap();
        let asked = probe(&[0.0; DIM], 5, Allowed::All);
        let found = lists.search(&asked, 9, &CodeUse::default(), &mut Scratch::default());
        assert_eq!((lists.lists(), found.len()), (1, 0));
    }
}
