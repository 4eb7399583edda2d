//! The graph part of one vector field of a sealed segment.

use bytes::Bytes;
use index::{CodeKind, DenseBlock, Hnsw, HnswParams, hnsw};
use model::{Error, HnswConfig};
use rows::BitSet;

use crate::array::Array;
use crate::block_error::BlockError;
use crate::part::Blocks;

/// The block that says how the graph was built.
const PARAMS: &str = "params";

/// A graph and what it was built with.
#[derive(Debug)]
pub(crate) struct VectorGraph {
    pub(crate) hnsw: Hnsw,
    /// `m`, `ef_construct` and the kind of codes.
    built: [u32; 4],
}

/// What tells graphs of different settings apart.
fn settings(config: HnswConfig, codes: CodeKind) -> [u32; 4] {
    let [kind, detail] = codes.stored();
    [config.m.into(), config.ef_construct, kind, detail]
}

impl VectorGraph {
    /// Builds the graph of the rows in `present`; returns the blocks to store.
    pub(crate) fn build(
        block: &DenseBlock,
        present: Option<&BitSet>,
        config: HnswConfig,
        codes: CodeKind,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Vec<(String, Bytes)> {
        let params = HnswParams {
            m: config.m.into(),
            ef_construct: config.ef_construct as usize,
            codes,
            ..HnswParams::default()
        };
        let built: Array<u32> = settings(config, codes).to_vec().into();
        let mut blocks = vec![(PARAMS.to_owned(), built.bytes().clone())];
        let graph = hnsw::build(block, present, &params, progress);
        blocks.extend(
            graph
                .into_iter()
                .map(|(name, bytes)| (name.to_owned(), bytes)),
        );
        blocks
    }

    /// Opens what [`VectorGraph::build`] gave.
    pub(crate) fn open(blocks: &Blocks, block: DenseBlock) -> Result<Self, Error> {
        let params = blocks.get(PARAMS).ok_or_else(|| BlockError::Missing {
            name: PARAMS.to_owned(),
        })?;
        let params = Array::<u32>::open(params).ok_or(BlockError::Damaged { name: PARAMS })?;
        let built = params.as_slice().try_into();
        let built = built.map_err(|_| BlockError::Damaged { name: PARAMS })?;
        Ok(Self {
            hnsw: Hnsw::open(blocks.all(), block)?,
            built,
        })
    }

    /// Whether it was built as `config` asks, with such codes.
    pub(crate) fn is_as_configured(&self, config: HnswConfig, codes: CodeKind) -> bool {
        self.built == settings(config, codes)
    }
}
