//! HNSW: a graph over codes, walked per query with its own `ef` and filter.
//!
//! Malkov & Yashunin 2016. The graph is built once per immutable block ([`build`]) and stored as
//! two blocks, codes and links; [`Hnsw::open`] reads both in place. Links are always chosen by
//! 8-bit codes; which codes are stored and walked on is [`HnswParams::codes`]. A search orders rows
//! by integers, which are equal on every processor, and compares the best candidates again in
//! `f32`: ids and scores are therefore the same natively and in wasm.

use bytes::Bytes;
use kernels::code::CodeKernels;
use rows::{BitSet, Scored, TopK};

use crate::aligned::AlignedBytes;
use crate::blend::{self, BlendProbe, BlendSpace};
use crate::builder::{self, Input};
use crate::codes::{self, Codes, Measure};
use crate::graph::{self, Graph};
use crate::open_error::OpenError;
use crate::space::{ByDot, ByL1, ByL2, CodeSpace, FloatSpace, Scoring, with_code_space};
use crate::walk::{self, Filtering, Goal, Scratch, TWO_HOP_SHARE};
use crate::walk_codes::WalkCodes;
use crate::{Allowed, CodeKind, CodeUse, DenseBlock, Probe, flat};

pub use crate::builder::BuilderKind;

/// Stored parts of an index by name.
pub type Blocks = Vec<(&'static str, Bytes)>;

/// Candidates compared in `f32` beyond the `k` wanted, at least: codes put neighbours that are
/// almost equally near in a slightly wrong order.
pub(crate) const RESCORED_EXTRA: usize = 10;

/// Rows that can be compared in `f32` in the time that a filtered walk spends on one candidate.
const SCANNED_ROWS_PER_EF: usize = 20;

/// A query with more than this share of its energy outside the range of the codes is walked in
/// `f32`: its code would say little about where it lies.
pub(crate) const CLIPPED_SHARE_MAX: f32 = 1e-3;

/// How to build a graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HnswParams {
    /// Links per row on upper levels (the paper's `M`); level zero has twice as many. In `4..=32`,
    /// others are brought to the nearer end.
    pub m: usize,
    /// Candidates kept while looking for a new row's neighbours (the paper's `efConstruction`).
    pub ef_construct: usize,
    /// Decides the level of every row: the same seed gives the same graph.
    pub seed: u64,
    /// Which builder.
    pub builder: BuilderKind,
    /// The codes that are stored and walked on.
    pub codes: CodeKind,
}

impl Default for HnswParams {
    fn default() -> Self {
        Self {
            m: 16,
            ef_construct: 100,
            seed: 0x5eed,
            builder: BuilderKind::Auto,
            codes: CodeKind::default(),
        }
    }
}

/// Builds the index of `block` and returns the blocks to store, for [`Hnsw::open`].
///
/// `present` leaves out rows that have no vector or are deleted: they get no links and no search
/// finds them through the graph. `progress(done, total)` is called now and then, in rows.
/// Equal input and seed give equal bytes.
#[must_use]
pub fn build(
    block: &DenseBlock,
    present: Option<&BitSet>,
    params: &HnswParams,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Blocks {
    let block = &*block.widened();
    let codes = Codes::encode(block, None);
    let rows: Vec<u32> = (0..block.len() as u32)
        .filter(|&row| present.is_none_or(|present| present.contains(row.into())))
        .collect();
    let links = builder::build(
        &Input {
            codes: &codes,
            rows: &rows,
            progress,
        },
        params,
    );
    let codes = WalkCodes::encode(block, params.codes, codes);
    vec![
        (codes::BLOCK, codes.bytes().clone()),
        (graph::BLOCK, links.encode()),
    ]
}

/// A graph over the rows of one block, ready to search.
#[derive(Clone, Debug)]
pub struct Hnsw {
    block: DenseBlock,
    codes: WalkCodes,
    graph: Graph,
    kernels: &'static CodeKernels,
}

impl Hnsw {
    /// Opens the stored `blocks` of an index over `block`, without copying them.
    ///
    /// # Errors
    /// `Corrupt` when a block is missing, damaged or of another block's rows.
    pub fn open(
        blocks: &[(impl AsRef<str>, Bytes)],
        block: DenseBlock,
    ) -> Result<Self, model::Error> {
        let find = |name: &'static str| {
            let found = blocks.iter().find(|(stored, _)| stored.as_ref() == name);
            found
                .map(|(_, bytes)| bytes.clone())
                .ok_or(OpenError::Missing { name })
        };
        let codes = WalkCodes::open(find(codes::BLOCK)?, block.shape())?;
        let graph = Graph::open(find(graph::BLOCK)?, block.len())?;
        Ok(Self {
            block,
            codes,
            graph,
            kernels: CodeKernels::best(),
        })
    }

    /// The allowed rows most similar to the probe, best first; ties by ascending row.
    ///
    /// Same signature and order as [`flat::search`], and equal scores for equal rows. Approximate:
    /// more of the true neighbours are found as `ef` grows. A walk that comes back with fewer than
    /// `k` rows is answered by the exact scan instead.
    ///
    /// # Panics
    /// When the probe's vector has not the block's dimension.
    pub fn search(&self, probe: &Probe<'_>, scratch: &mut Scratch) -> Vec<Scored> {
        self.search_by(probe, &CodeUse::default(), scratch)
    }

    /// As [`Hnsw::search`], with the codes used as asked. Scores of codes are estimates: equal
    /// everywhere, but not those of [`flat::search`].
    ///
    /// # Panics
    /// As [`Hnsw::search`].
    pub fn search_by(
        &self,
        probe: &Probe<'_>,
        codes: &CodeUse,
        scratch: &mut Scratch,
    ) -> Vec<Scored> {
        assert_eq!(
            probe.vector.len(),
            self.block.dim(),
            "query of the wrong dimension"
        );
        if probe.k == 0 || self.block.is_empty() {
            return Vec::new();
        }
        // Taken out while the walk borrows the rest of the scratch.
        let mut code = std::mem::take(&mut scratch.code);
        let aimed = self.block.aimed(probe.vector);
        let by_rows = codes.ignore || self.is_clipped(&aimed);
        // A walk over rows that are read by pages would wait for some at every step. Codes lead
        // it instead, and every row that it keeps is compared.
        let all = CodeUse {
            ignore: false,
            rescore: true,
            oversampling: Some(probe.ef as f64 / probe.k as f64),
            ..*codes
        };
        let codes = if by_rows && self.block.is_paged() {
            &all
        } else {
            codes
        };
        let found = match &self.codes {
            _ if by_rows && !self.block.is_paged() => self.search_floats(probe, codes, scratch),
            WalkCodes::Bytes(bytes) => {
                let unit = bytes.encode_query(&aimed, &mut code);
                with_code_space!(bytes, &code, unit, self.kernels, |space| {
                    self.search_in(space, probe, codes, scratch)
                })
            }
            WalkCodes::Product(product) => {
                let space = product.space(&aimed, &mut code);
                self.search_in(&space, probe, codes, scratch)
            }
            WalkCodes::Planes(planes) => {
                let space = planes.space(&aimed, codes.query, &mut code);
                self.search_in(&space, probe, codes, scratch)
            }
        };
        scratch.code = code;
        if found.len() < probe.k.min(self.block.len()) {
            return flat::search(&self.block, probe);
        }
        found
    }

    /// Whether the codes would say little about where `vector` lies.
    fn is_clipped(&self, vector: &[f32]) -> bool {
        match &self.codes {
            WalkCodes::Bytes(bytes) => bytes.clipped_share(vector) > CLIPPED_SHARE_MAX,
            WalkCodes::Product(_) | WalkCodes::Planes(_) => false,
        }
    }

    fn search_floats(
        &self,
        probe: &Probe<'_>,
        codes: &CodeUse,
        scratch: &mut Scratch,
    ) -> Vec<Scored> {
        let space = FloatSpace::new(&self.block, probe.vector);
        self.search_in(&space, probe, codes, scratch)
    }

    /// Walks in `space` and ranks what was found: again in `f32`, or by what `space` says.
    fn search_in<S: Scoring>(
        &self,
        space: &S,
        probe: &Probe<'_>,
        codes: &CodeUse,
        scratch: &mut Scratch,
    ) -> Vec<Scored> {
        let candidates = self.candidates(probe.k, codes);
        let goal = Goal {
            // Who asks for more candidates asks for a longer walk.
            ef: match codes.oversampling {
                Some(_) => probe.ef.max(candidates),
                None => probe.ef.max(probe.k),
            },
            allowed: probe.allowed,
            filtering: self.filtering(&probe.allowed),
            spread: false,
            ceiling: None,
        };
        let entry = walk::descend(self.graph.levels_down(), self.graph.entry(), space);
        walk::walk(self.graph.base(), &[entry], space, &goal, scratch);
        if codes.rescore {
            let rows = scratch.pool.allowed_rows().take(candidates);
            return flat::search_candidates(&self.block, probe.vector, rows, probe.k);
        }
        let mut top = TopK::new(probe.k);
        for (distance, row) in scratch.pool.allowed_distances() {
            top.offer(row, space.score(distance));
        }
        top.into_sorted()
    }

    /// The allowed rows with the best score of several vectors, best first; ties by ascending row.
    ///
    /// Approximate, and the scores are exact unless `codes` asks for those of the codes. The walk
    /// begins at the row that a descent by the score finds, at those that are found for each
    /// vector alone, and at rows spread over the segment: such scores have many local best rows.
    /// All rows that it keeps are compared again, because scores may be steep where codes are
    /// coarse. When it comes back with fewer than `k`, all rows are compared.
    ///
    /// # Panics
    /// When there is no vector or one has not the block's dimension.
    pub fn search_blend(
        &self,
        probe: &BlendProbe<'_>,
        codes: &CodeUse,
        scratch: &mut Scratch,
    ) -> Vec<Scored> {
        assert!(!probe.vectors.is_empty(), "a blend of nothing");
        let dim = self.block.dim();
        let fits = probe.vectors.iter().all(|vector| vector.len() == dim);
        assert!(fits, "query of the wrong dimension");
        if probe.k == 0 || self.block.is_empty() {
            return Vec::new();
        }
        let mut buffers = vec![AlignedBytes::default(); probe.vectors.len()];
        let spaces = self.spaces(probe.vectors, codes, &mut buffers);
        let space = BlendSpace::new(spaces, probe.blend);
        let candidates = codes.oversampling.map(|_| self.candidates(probe.k, codes));
        let ef = probe.ef.max(probe.k).max(candidates.unwrap_or(0));
        let (levels, top) = (|| self.graph.levels_down(), self.graph.entry());
        let goal = Goal {
            ef,
            allowed: probe.allowed,
            filtering: self.filtering(&probe.allowed),
            spread: true,
            ceiling: probe.blend.ceiling().map(|promise| !promise),
        };
        let mut entries = vec![walk::descend(levels(), top, &space)];
        for (at, one) in space.each().enumerate() {
            let entry = walk::descend(levels(), top, one);
            entries.push(entry);
            let alone = Goal {
                ef: (ef as f64 * probe.blend.share(at)) as usize,
                spread: false,
                ceiling: None,
                ..goal
            };
            if alone.ef > 0 {
                walk::walk(self.graph.base(), &[entry], one, &alone, scratch);
                entries.extend(scratch.pool.allowed_rows().map(|row| row.0));
            }
        }
        walk::walk(self.graph.base(), &entries, &space, &goal, scratch);
        let rows = scratch.pool.allowed_rows();
        let found = if codes.rescore {
            blend::search_rows(&self.block, probe, rows.take(candidates.unwrap_or(ef)))
        } else {
            let mut top = TopK::new(probe.k);
            for row in rows {
                top.offer(row, space.estimate(row.0));
            }
            top.into_sorted()
        };
        if found.len() < probe.k.min(self.block.len()) {
            return blend::search(&self.block, probe);
        }
        found
    }

    /// The rows seen from each of `vectors`, through the codes or as they are; `buffers` are as
    /// many.
    fn spaces<'a>(
        &'a self,
        vectors: &'a [&'a [f32]],
        codes: &CodeUse,
        buffers: &'a mut [AlignedBytes],
    ) -> Vec<Box<dyn Scoring + 'a>> {
        let clipped = || vectors.iter().any(|vector| self.is_clipped(vector));
        let ignored = !self.block.is_paged() && (codes.ignore || clipped());
        let space = |(vector, code): (&&'a [f32], &'a mut AlignedBytes)| {
            let space: Box<dyn Scoring + 'a> = match &self.codes {
                _ if ignored => Box::new(FloatSpace::new(&self.block, vector)),
                WalkCodes::Bytes(bytes) => {
                    let unit = bytes.encode_query(vector, code);
                    self.code_space(bytes, code, unit)
                }
                WalkCodes::Product(product) => Box::new(product.space(vector, code)),
                WalkCodes::Planes(planes) => Box::new(planes.space(vector, codes.query, code)),
            };
            space
        };
        vectors.iter().zip(buffers).map(space).collect()
    }

    fn code_space<'a>(
        &self,
        codes: &'a Codes,
        query: &'a [u8],
        unit: f32,
    ) -> Box<dyn Scoring + 'a> {
        match codes.measure() {
            Measure::Dot => Box::new(CodeSpace::<ByDot>::new(codes, query, unit, self.kernels)),
            Measure::L2 => Box::new(CodeSpace::<ByL2>::new(codes, query, unit, self.kernels)),
            Measure::L1 => Box::new(CodeSpace::<ByL1>::new(codes, query, unit, self.kernels)),
        }
    }

    /// Candidates to be compared again for `k` wanted rows.
    fn candidates(&self, k: usize, codes: &CodeUse) -> usize {
        let times = |factor: f64| libm::ceil(k as f64 * factor) as usize;
        match codes.oversampling {
            Some(factor) => times(factor).max(k),
            None => times(self.codes.oversampling()).max(k + RESCORED_EXTRA),
        }
    }

    fn filtering(&self, allowed: &Allowed<'_>) -> Filtering {
        let share = match allowed {
            Allowed::All => 1.0,
            Allowed::Set(_) | Allowed::Test(_) => {
                allowed.estimate(self.block.len()) as f64 / self.block.len() as f64
            }
        };
        if share < TWO_HOP_SHARE {
            Filtering::LookThrough
        } else {
            Filtering::StepOn
        }
    }

    /// Whether scanning `allowed_rows` rows exactly is expected to cost less than a walk with `ef`.
    ///
    /// Both cost in proportion to the dimension, so it does not matter here. Measured on 384
    /// dimensions: a filtered walk costs about as much as comparing 16 to 20 rows per candidate
    /// kept.
    #[must_use]
    pub fn scan_is_cheaper(&self, allowed_rows: usize, ef: usize) -> bool {
        allowed_rows <= SCANNED_ROWS_PER_EF * ef
    }

    /// The rows that the index ranges over.
    #[must_use]
    pub fn block(&self) -> &DenseBlock {
        &self.block
    }

    /// Bytes that a walk touches: codes and links, without the `f32` rows.
    #[must_use]
    pub fn hot_bytes(&self) -> usize {
        self.codes.bytes().len() + self.graph.len_bytes()
    }

    /// Number of `present` rows that no walk can reach: zero in a sound graph.
    #[must_use]
    pub fn unreachable_rows(&self, present: Option<&BitSet>) -> usize {
        builder::reach::unreachable(&self.graph, present)
    }
}
