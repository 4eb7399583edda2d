//! How the nearest rows of one segment are found: the only place that chooses.
//!
//! | plan | compares | chosen |
//! |---|---|---|
//! | scan | every live row | no index, `exact`, or few rows |
//! | filtered scan | the rows that a filter leaves | no index, `exact`, or few are left |
//! | walk | what the index leads to | an index and no filter |
//! | filtered walk | the same, asking the filter | an index and a filter that leaves many |
//!
//! An index is a graph, inverted lists or, of a sparse field, postings. Ranks by several vectors
//! can be answered by graphs alone, and not all of them (`Scorer::effort`). "Few" is what
//! `full_scan_threshold_kb` says of the bytes of the rows, or `full_scan_rows` of sparse ones; of
//! rows that are read by pages, it is as many as a walk keeps candidates.
//! Every plan answers in the same order with the same scores; scans and postings are exact, graphs
//! and lists up to their recall (and, when a search of a quantised field asks for the scores of
//! its codes, up to their rounding). A filter that was
//! seen before is no filter any more, but a set of rows to choose among.

use std::sync::Arc;

use filter::{Compiled, compile};
use index::sparse::{SparseProbe, SparseRow};
use index::{Allowed, BlendProbe, CodeUse, DenseBlock, Hnsw, Probe, Scored, Scratch, flat};
use model::{
    Filter, IndexChoice, Quantization, QueryBits, Schema, SearchParams, SparseVector, VectorKind,
};
use rows::{RowId, TopK};

use crate::candidates::Candidates;
use crate::prepared::{Comparison, Prepared};
use crate::query::examples::Scorer;
use crate::segment::LiveSegment;
use crate::source::Source;
use crate::vector_index::VectorIndex;
use crate::vectors::Vectors;

/// Candidates that a walk keeps unless the caller says how many. With graphs of the default
/// parameters recall@10 was 0.9895 at 128, 0.9914 at 160, 0.9923 at 192 and 0.9936 at 256 on text
/// embeddings (61,666 × 384), and more on images: at least 0.99 with room for other data.
const EF_DEFAULT: usize = 224;

/// Candidates kept per wanted row, when many are wanted.
const EF_PER_WANTED: usize = 2;

/// A way to find the nearest rows of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Compare every live row, asking the filter about each.
    Scan,
    /// List the rows that the filter leaves and compare those.
    FilteredScan,
    /// Walk the graph, or look through lists or postings.
    Walk,
    /// As `Walk`, and ask the filter on the way.
    FilteredWalk,
}

/// Plans that may be chosen. All of them, but for tests that compare the plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PlanSwitches {
    /// A plan that is not to be chosen where another can answer.
    pub without: Option<Plan>,
    /// Whether filters are evaluated anew even when their rows are remembered.
    pub without_memory: bool,
}

/// What is asked of every segment.
pub(crate) struct Nearest<'a> {
    /// Position of the vector field in the schema.
    pub(crate) field: usize,
    pub(crate) to: To<'a>,
    /// Rows wanted per segment.
    pub(crate) wanted: usize,
    pub(crate) filter: Option<&'a Filter>,
    pub(crate) params: &'a SearchParams,
    pub(crate) switches: PlanSwitches,
}

/// What rows are compared with.
#[derive(Clone, Copy)]
pub(crate) enum To<'a> {
    Vector(&'a Prepared),
    /// Examples, whose similarities become one score. Only graphs can be asked for those.
    Examples(&'a Scorer),
}

impl Nearest<'_> {
    /// Whether an index may be asked: scores of several vectors are made by the field's metric.
    fn may_walk(&self) -> bool {
        match self.to {
            To::Vector(_) => true,
            To::Examples(_) => self.params.metric.is_none(),
        }
    }
}

/// What is chosen among: one segment and the rows of it that count.
struct Choice<'a> {
    index: Option<&'a VectorIndex>,
    /// Live rows that carry the vector.
    rows: usize,
    /// Of those, how many the filter is expected to leave.
    left: usize,
    filtered: bool,
    /// As many rows as are scanned without a walk.
    few: usize,
    /// Whether rows are dear: they are read by pages.
    paged: bool,
    ef: usize,
    nprobe: Option<u32>,
}

impl Choice<'_> {
    fn best(&self, exact: bool) -> Plan {
        let walkable = self.index.is_some() && !exact;
        let scan = if self.filtered {
            Plan::FilteredScan
        } else {
            Plan::Scan
        };
        let walk = if self.filtered {
            Plan::FilteredWalk
        } else {
            Plan::Walk
        };
        let cheaper = |index: &VectorIndex| index.scan_is_cheaper(self.left, self.ef, self.nprobe);
        let scan_is_cheap = match self.paged {
            // A walk looks at no more rows than it keeps candidates.
            true => self.left <= self.ef,
            false => self.left <= self.few || self.index.is_some_and(cheaper),
        };
        if walkable && !scan_is_cheap {
            walk
        } else {
            scan
        }
    }

    /// The best plan, or the next best when a switch forbids that.
    fn plan(&self, exact: bool, switches: PlanSwitches) -> Plan {
        let best = self.best(exact);
        if switches.without != Some(best) {
            return best;
        }
        let walkable = self.index.is_some() && !exact;
        match best {
            Plan::Scan if walkable => Plan::Walk,
            // Nothing else can answer.
            Plan::Scan | Plan::Walk => Plan::Scan,
            Plan::FilteredScan if walkable => Plan::FilteredWalk,
            Plan::FilteredScan => Plan::Scan,
            Plan::FilteredWalk => Plan::FilteredScan,
        }
    }
}

/// The `wanted` live rows of `live` that match and are most similar, best first; ties by ascending
/// row. With `indexed_only`, nothing when the field is dense and has no index here.
pub(crate) fn nearest(
    live: &LiveSegment,
    schema: &Arc<Schema>,
    ask: &Nearest<'_>,
    scratch: &mut Scratch,
) -> Vec<Scored> {
    let segment = &*live.segment;
    let kind = schema.vectors[ask.field].kind;
    let index = segment
        .index_in_use(schema, ask.field)
        .filter(|index| index.serves(ask.params.metric, kind) && ask.may_walk());
    let vectors = &segment.block.vectors[ask.field];
    // Fields that never have a graph are not left out for lacking one.
    let waits = ask.params.indexed_only && index.is_none() && vectors.dense().is_some();
    if ask.wanted == 0 || waits {
        return Vec::new();
    }
    let effort = index.and_then(|index| ask.to.effort(index));
    let index = index.filter(|_| effort.is_some());
    let ef = ef(ask, effort.unwrap_or(1));
    let mut candidates = Candidates::new(live, vectors);
    let mut filter = ask.filter;
    let source = Source::new(segment, schema);
    // Small segments are not worth remembering anything.
    if let (Some(known), Some(_), false) = (filter, index, ask.switches.without_memory) {
        let list = || compile(known, &source).rows(None).to_bits(vectors.rows());
        if let Some(rows) = segment.filters.rows(known, schema, list) {
            candidates = candidates.among(&rows);
            filter = None;
        }
    }
    let compiled = filter.map(|filter| compile(filter, &source));
    let rows = candidates.count(vectors);
    let choice = Choice {
        index,
        rows,
        left: compiled
            .as_ref()
            .map_or(rows, |compiled| expected(compiled, rows)),
        filtered: compiled.is_some(),
        few: few_rows(schema, ask.field),
        paged: vectors.dense().is_some_and(DenseBlock::is_paged),
        ef,
        nprobe: ask.params.nprobe,
    };
    debug_assert!(choice.left <= choice.rows);
    let plan = choice.plan(ask.params.exact, ask.switches);
    let walks = matches!(plan, Plan::Walk | Plan::FilteredWalk);
    let chosen = Chosen {
        live,
        vectors,
        candidates,
        compiled,
        plan,
        index: index.filter(|_| walks),
        ef,
    };
    match ask.to {
        To::Vector(vector) => chosen.to_vector(vector, schema, ask, scratch),
        To::Examples(scorer) => chosen.to_examples(scorer, schema, ask, scratch),
    }
}

/// The rows of a segment that a search chooses among, and how it does.
struct Chosen<'a> {
    live: &'a LiveSegment,
    vectors: &'a Vectors,
    candidates: Candidates<'a>,
    compiled: Option<Compiled<'a>>,
    plan: Plan,
    /// What is asked instead of the rows, if the plan is a walk.
    index: Option<&'a VectorIndex>,
    /// Candidates that a walk keeps.
    ef: usize,
}

impl Chosen<'_> {
    /// The best rows by similarity to one vector.
    fn to_vector(
        &self,
        vector: &Prepared,
        schema: &Schema,
        ask: &Nearest<'_>,
        scratch: &mut Scratch,
    ) -> Vec<Scored> {
        let compiled = self.compiled.as_ref();
        let dense = self.vectors.dense();
        let dense = dense.filter(|_| ask.params.metric.is_none());
        match (dense, vector, self.index) {
            (_, Prepared::Sparse(query), Some(VectorIndex::Postings(postings))) => {
                self.candidates.allow(compiled, |allowed| {
                    postings.search(&sparse_probe(query, ask.wanted, allowed))
                })
            }
            (_, Prepared::Dense(vector), Some(index)) => self.ask(vector, ask.wanted, |probe| {
                walk(index, schema, ask, probe, scratch)
            }),
            (Some(dense), Prepared::Dense(vector), None) => match (self.plan, compiled) {
                (Plan::FilteredScan, Some(compiled)) => {
                    let rows = compiled.rows(Some(&self.live.live()));
                    let rows = rows.iter().filter(|&row| self.vectors.has(row));
                    flat::search_rows(dense, vector, rows, ask.wanted)
                }
                (Plan::Scan | Plan::FilteredScan | Plan::Walk | Plan::FilteredWalk, _) => {
                    self.ask(vector, ask.wanted, |probe| flat::search(dense, probe))
                }
            },
            (_, _, _) => {
                // A sparse score of zero is as good as none.
                let mut comparison = Comparison::new(vector, self.vectors).by(ask.params.metric);
                self.scan(ask.wanted, |row| comparison.hit(row))
            }
        }
    }

    /// The best rows by a score of several vectors.
    fn to_examples(
        &self,
        scorer: &Scorer,
        schema: &Schema,
        ask: &Nearest<'_>,
        scratch: &mut Scratch,
    ) -> Vec<Scored> {
        let index = self.index.and_then(graph_of);
        if let (Some(graph), Some(vectors)) = (index, scorer.rows()) {
            let quantization = schema.quantization_of(&schema.vectors[ask.field]);
            let codes = code_use(ask.params.codes, quantization);
            return self.candidates.allow(self.compiled.as_ref(), |allowed| {
                let probe = BlendProbe {
                    vectors: &vectors,
                    blend: scorer.blend(),
                    k: ask.wanted,
                    ef: self.ef,
                    allowed,
                };
                graph.search_blend(&probe, &codes, scratch)
            });
        }
        let mut comparisons = scorer.compare(self.vectors);
        self.scan(ask.wanted, |row| {
            let carried = self.vectors.has(row);
            carried.then(|| scorer.score(&mut comparisons, row))
        })
    }

    /// Asks `search` for the rows nearest to `vector`.
    fn ask(
        &self,
        vector: &[f32],
        wanted: usize,
        search: impl FnOnce(&Probe<'_>) -> Vec<Scored>,
    ) -> Vec<Scored> {
        self.candidates.allow(self.compiled.as_ref(), |allowed| {
            search(&Probe {
                vector,
                k: wanted,
                ef: self.ef,
                allowed,
            })
        })
    }

    /// The exact scan of rows that are not single floats, or not compared with one vector.
    fn scan(&self, wanted: usize, mut score: impl FnMut(RowId) -> Option<f32>) -> Vec<Scored> {
        let mut top = TopK::new(wanted);
        let mut offer = |row: RowId| {
            if let Some(score) = score(row) {
                top.offer(row, score);
            }
        };
        let bits = self.candidates.bits();
        let allowed = |row: RowId| bits.is_none_or(|bits| bits.contains(row));
        match (self.plan, &self.compiled) {
            (Plan::FilteredScan, Some(compiled)) => {
                let rows = compiled.rows(Some(&self.live.live()));
                rows.iter().for_each(offer);
            }
            (_, Some(compiled)) => {
                let rows = (0..self.vectors.rows() as u32).map(RowId);
                rows.filter(|&row| allowed(row) && compiled.matches(row))
                    .for_each(offer);
            }
            (_, None) => match bits {
                Some(bits) => bits.iter().for_each(offer),
                None => (0..self.vectors.rows() as u32)
                    .map(RowId)
                    .for_each(&mut offer),
            },
        }
        top.into_sorted()
    }
}

impl To<'_> {
    /// How many times the usual candidates `index` has to be asked for; `None` when it is of no
    /// use.
    fn effort(self, index: &VectorIndex) -> Option<usize> {
        match self {
            Self::Vector(_) => Some(1),
            Self::Examples(scorer) => {
                let graph = graph_of(index).filter(|_| scorer.rows().is_some())?;
                scorer.effort(graph.block().metric())
            }
        }
    }
}

/// The index as a graph.
fn graph_of(index: &VectorIndex) -> Option<&Hnsw> {
    match index {
        VectorIndex::Graph(graph) => Some(&graph.hnsw),
        VectorIndex::Lists(_) | VectorIndex::Postings(_) => None,
    }
}

/// Asks the index of a dense field.
fn walk(
    index: &VectorIndex,
    schema: &Schema,
    ask: &Nearest<'_>,
    probe: &Probe<'_>,
    scratch: &mut Scratch,
) -> Vec<Scored> {
    let quantization = schema.quantization_of(&schema.vectors[ask.field]);
    let codes = code_use(ask.params.codes, quantization);
    match index {
        VectorIndex::Graph(graph) => graph.hnsw.search_by(probe, &codes, scratch),
        VectorIndex::Lists(lists) => {
            let nprobe = lists.nprobe(ask.params.nprobe);
            lists.ivf.search(probe, nprobe, &codes, scratch)
        }
        // No dense field has postings.
        VectorIndex::Postings(_) => Vec::new(),
    }
}

fn sparse_probe<'a>(query: &'a SparseVector, k: usize, allowed: Allowed<'a>) -> SparseProbe<'a> {
    let query = SparseRow {
        indices: query.indices(),
        values: query.values(),
    };
    SparseProbe { query, k, allowed }
}

/// As many rows as are scanned without a walk. Fields without indexes are scanned whatever it says.
fn few_rows(schema: &Schema, field: usize) -> usize {
    let field = &schema.vectors[field];
    let threshold_kb = match schema.index_of(field) {
        IndexChoice::Exact => return usize::MAX,
        // "Fewer than", not "as many".
        IndexChoice::Postings(config) => return (config.full_scan_rows as usize).saturating_sub(1),
        IndexChoice::Graph(config) => config.full_scan_threshold_kb,
        IndexChoice::Ivf(_) => schema.hnsw.full_scan_threshold_kb,
    };
    let row_bytes = match field.kind {
        VectorKind::Dense { dim, element, .. } | VectorKind::Multi { dim, element, .. } => {
            dim.get() * element.bytes()
        }
        VectorKind::Binary { dim, metric: _ } => dim.bit_bytes(),
        VectorKind::Sparse { .. } => 1,
    };
    threshold_kb as usize * 1024 / row_bytes
}

/// Candidates that a walk keeps: as many as asked, or `effort` times the usual.
fn ef(ask: &Nearest<'_>, effort: usize) -> usize {
    match ask.params.ef {
        Some(ef) => (ef as usize).max(ask.wanted),
        None => {
            let usual = EF_DEFAULT.max(ask.wanted.saturating_mul(EF_PER_WANTED));
            usual.saturating_mul(effort)
        }
    }
}

/// How a walk uses its codes: as asked where the field is quantised, else as suits them best.
fn code_use(asked: model::CodeUse, quantization: Option<Quantization>) -> CodeUse {
    let query = match quantization {
        None => return CodeUse::default(),
        Some(Quantization::Binary { query, .. }) => query,
        Some(Quantization::Scalar { .. } | Quantization::Product(_))
        | Some(Quantization::Rotated { .. }) => QueryBits::Auto,
    };
    CodeUse {
        ignore: asked.ignore,
        rescore: asked.rescore.unwrap_or(true),
        oversampling: asked.oversampling,
        query,
    }
}

fn expected(compiled: &Compiled<'_>, rows: usize) -> usize {
    usize::try_from(compiled.estimate().expected)
        .unwrap_or(usize::MAX)
        .min(rows)
}
