//! The graph part of one vector field of a sealed segment.

use bytes::Bytes;
use index::{CodeKind, DenseBlock, Hnsw, HnswParams, hnsw};
use model::{Error, HnswConfig, Metric};
use rows::BitSet;

use crate::built::Built;
use crate::part::Blocks;

/// A graph and what it was built with.
#[derive(Debug)]
pub(crate) struct VectorGraph {
    pub(crate) hnsw: Hnsw,
    built: Built,
}

/// What tells graphs of different settings apart: `m`, `ef_construct` and the kind of codes.
fn built(metric: Metric, config: HnswConfig, codes: CodeKind) -> Built {
    let [kind, detail] = codes.stored();
    Built::new(
        metric,
        &[config.m.into(), config.ef_construct, kind, detail],
    )
}

impl VectorGraph {
    /// Builds the graph of the rows in `present` for searches by `metric`; returns the blocks to
    /// store.
    pub(crate) fn build(
        rows: &DenseBlock,
        present: Option<&BitSet>,
        metric: Metric,
        config: HnswConfig,
        codes: CodeKind,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vec<(String, Bytes)>, Error> {
        let params = HnswParams {
            m: config.m.into(),
            ef_construct: config.ef_construct as usize,
            codes,
            ..HnswParams::default()
        };
        let built = built(metric, config, codes);
        let graph = hnsw::build(&built.rows(rows)?, present, &params, progress);
        let graph = graph.into_iter();
        let graph = graph.map(|(name, bytes)| (name.to_owned(), bytes));
        Ok(std::iter::once(built.block()).chain(graph).collect())
    }

    /// Opens what [`VectorGraph::build`] gave.
    pub(crate) fn open(blocks: &Blocks, rows: &DenseBlock) -> Result<Self, Error> {
        let built = Built::open::<4>(blocks)?;
        Ok(Self {
            hnsw: Hnsw::open(blocks.all(), built.rows(rows)?)?,
            built,
        })
    }

    /// Whether it was built for `metric` as `config` asks, with such codes.
    pub(crate) fn is_as_configured(
        &self,
        metric: Metric,
        config: HnswConfig,
        codes: CodeKind,
    ) -> bool {
        self.built == built(metric, config, codes)
    }
}
