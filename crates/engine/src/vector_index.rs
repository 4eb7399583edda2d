//! The index of one vector field of a sealed segment: which it should be, building and opening it.

use bytes::Bytes;
use index::CodeKind;
use index::sparse::{self, Postings, SparseRow};
use model::{ClusterCount, Error, HnswConfig, IndexChoice, Metric, Schema, VectorKind, VectorName};
use rows::BitSet;

use crate::graph::VectorGraph;
use crate::lists::VectorLists;
use crate::part::{Blocks, PartKind};
use crate::segment::LiveSegment;
use crate::vectors::{Stored, Vectors};

/// An index over the rows of one field.
#[derive(Debug)]
pub(crate) enum VectorIndex {
    Graph(VectorGraph),
    Lists(VectorLists),
    Postings(Postings),
}

/// What an index is to be built of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wanted {
    /// A graph for searches by a metric, over such codes.
    Graph(Metric, HnswConfig, CodeKind),
    /// Inverted lists for searches by a metric, of codes or of the rows themselves.
    Lists(Metric, ClusterCount, Option<CodeKind>),
    Postings,
}

impl Wanted {
    /// What the settings ask for the field at position `at`; `None`: no index.
    pub(crate) fn of(schema: &Schema, at: usize) -> Option<Self> {
        let field = &schema.vectors[at];
        let codes = schema.quantization_of(field);
        match (schema.index_of(field), field.kind) {
            (IndexChoice::Graph(config), VectorKind::Dense { metric, .. }) => {
                let metric = field.index_metric.unwrap_or(metric);
                Some(Self::Graph(metric, config, CodeKind::of(codes)))
            }
            (IndexChoice::Ivf(config), VectorKind::Dense { metric, .. }) => {
                let metric = field.index_metric.unwrap_or(metric);
                let codes = codes.map(|codes| CodeKind::of(Some(codes)));
                Some(Self::Lists(metric, config.clusters, codes))
            }
            (IndexChoice::Postings(_), VectorKind::Sparse { .. }) => Some(Self::Postings),
            (
                IndexChoice::Exact
                | IndexChoice::Graph(_)
                | IndexChoice::Ivf(_)
                | IndexChoice::Postings(_),
                VectorKind::Dense { .. }
                | VectorKind::Multi { .. }
                | VectorKind::Sparse { .. }
                | VectorKind::Binary { .. },
            ) => None,
        }
    }

    /// The part that holds it.
    pub(crate) fn part(&self, field: &VectorName) -> PartKind {
        match self {
            Self::Graph(..) => PartKind::Hnsw(field.clone()),
            Self::Lists(..) => PartKind::Lists(field.clone()),
            Self::Postings => PartKind::Postings(field.clone()),
        }
    }

    /// Builds it of the rows of `live`; returns the blocks to store. `None` when the vectors are
    /// not such that it can be built of them.
    pub(crate) fn build(
        &self,
        live: &LiveSegment,
        vectors: &Vectors,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Option<Vec<(String, Bytes)>>, Error> {
        let present = || linked(live, vectors.present.as_ref());
        match (self, &vectors.stored) {
            (Self::Graph(metric, config, codes), Stored::Dense(dense)) => {
                let present = present();
                let present = present.as_ref();
                VectorGraph::build(dense, present, *metric, *config, *codes, progress).map(Some)
            }
            (Self::Lists(metric, clusters, codes), Stored::Dense(dense)) => {
                let present = present();
                let present = present.as_ref();
                VectorLists::build(dense, present, *metric, *clusters, *codes, progress).map(Some)
            }
            (Self::Postings, Stored::Sparse(rows)) => {
                // Of deleted rows too: frequencies take off those that are deleted by then.
                let blocks = sparse::build(vectors.rows(), |row| {
                    let (indices, values) = rows.row(row);
                    vectors.has(row).then_some(SparseRow { indices, values })
                });
                Ok(Some(vec![(sparse::BLOCK.to_owned(), blocks?)]))
            }
            (
                Self::Graph(..) | Self::Lists(..) | Self::Postings,
                Stored::Dense(_) | Stored::Multi(_) | Stored::Sparse(_) | Stored::Binary(_),
            ) => Ok(None),
        }
    }
}

impl VectorIndex {
    /// Opens the part of an index over `vectors`; `None` when parts of this kind are no indexes.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged or of other rows.
    pub(crate) fn open(
        kind: &PartKind,
        blocks: &Blocks,
        vectors: &Vectors,
    ) -> Result<Option<Self>, Error> {
        let dense = || vectors.dense().ok_or_else(other_kind);
        Ok(Some(match kind {
            PartKind::Rows | PartKind::Column(_) => return Ok(None),
            PartKind::Hnsw(_) => Self::Graph(VectorGraph::open(blocks, dense()?)?),
            PartKind::Lists(_) => Self::Lists(VectorLists::open(blocks, dense()?)?),
            PartKind::Postings(_) => {
                if !matches!(vectors.stored, Stored::Sparse(_)) {
                    return Err(other_kind());
                }
                let bytes = blocks.get(sparse::BLOCK);
                let bytes = bytes.ok_or_else(|| Error::corrupt("a part lacks its postings"))?;
                Self::Postings(Postings::open(bytes, vectors.rows())?)
            }
        }))
    }

    /// Whether it is what the settings ask for.
    pub(crate) fn is(&self, wanted: &Wanted) -> bool {
        match (self, wanted) {
            (Self::Graph(graph), Wanted::Graph(metric, config, codes)) => {
                graph.is_as_configured(*metric, *config, *codes)
            }
            (Self::Lists(lists), Wanted::Lists(metric, clusters, codes)) => {
                lists.is_as_configured(*metric, *clusters, *codes)
            }
            (Self::Postings(_), Wanted::Postings) => true,
            (
                Self::Graph(_) | Self::Lists(_) | Self::Postings(_),
                Wanted::Graph(..) | Wanted::Lists(..) | Wanted::Postings,
            ) => false,
        }
    }

    /// Whether it finds the nearest rows of its `field` by `metric`; `None`: by the field's own.
    pub(crate) fn serves(&self, metric: Option<Metric>, field: VectorKind) -> bool {
        match self {
            Self::Graph(graph) => graph.hnsw.block().metric() == metric.unwrap_or(field.metric()),
            Self::Lists(lists) => lists.ivf.metric() == metric.unwrap_or(field.metric()),
            Self::Postings(_) => metric.is_none(),
        }
    }

    /// Whether scanning `rows` rows is expected to take no longer than asking the index for
    /// `ef` candidates or in `nprobe` lists.
    pub(crate) fn scan_is_cheaper(&self, rows: usize, ef: usize, nprobe: Option<u32>) -> bool {
        match self {
            Self::Graph(graph) => graph.hnsw.scan_is_cheaper(rows, ef),
            Self::Lists(lists) => lists.ivf.scan_is_cheaper(rows, lists.nprobe(nprobe)),
            Self::Postings(_) => false,
        }
    }
}

fn other_kind() -> Error {
    Error::corrupt("an index of vectors of another kind")
}

/// The rows that an index ranges over: those not gone that carry the vector; `None`: all.
fn linked(live: &LiveSegment, present: Option<&BitSet>) -> Option<BitSet> {
    if live.deleted.rows().is_empty() {
        return present.cloned();
    }
    let mut linked = live.kept().to_bits(live.segment.block.len() as usize);
    if let Some(present) = present {
        linked.intersect_with(present);
    }
    Some(linked)
}
