//! The graph part of one vector field of a sealed segment.

use bytes::Bytes;
use index::{DenseBlock, Hnsw, HnswParams, hnsw};
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
    m: u32,
    ef_construct: u32,
}

impl VectorGraph {
    /// Builds the graph of the rows in `present`; returns the blocks to store.
    pub(crate) fn build(
        block: &DenseBlock,
        present: Option<&BitSet>,
        config: HnswConfig,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Vec<(String, Bytes)> {
        let params = HnswParams {
            m: config.m.into(),
            ef_construct: config.ef_construct as usize,
            ..HnswParams::default()
        };
        let built: Array<u32> = vec![config.m.into(), config.ef_construct].into();
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
        let &[m, ef_construct] = params.as_slice() else {
            return Err(BlockError::Damaged { name: PARAMS }.into());
        };
        Ok(Self {
            hnsw: Hnsw::open(blocks.all(), block)?,
            m,
            ef_construct,
        })
    }

    /// Whether it was built as `config` asks.
    pub(crate) fn is_as_configured(&self, config: HnswConfig) -> bool {
        self.m == u32::from(config.m) && self.ef_construct == config.ef_construct
    }
}
