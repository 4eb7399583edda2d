//! The part of inverted lists of one vector field of a sealed segment.

use bytes::Bytes;
use index::{CodeKind, DenseBlock, Ivf, ivf};
use model::{ClusterCount, Error};
use rows::BitSet;

use crate::array::Array;
use crate::block_error::BlockError;
use crate::part::Blocks;

/// The block that says how the lists were built.
const PARAMS: &str = "params";

/// Inverted lists and what they were built with.
#[derive(Debug)]
pub(crate) struct VectorLists {
    pub(crate) ivf: Ivf,
    /// How the number of clusters was given, and the kind of codes.
    built: [u32; 5],
}

/// What tells lists of different settings apart.
fn settings(clusters: ClusterCount, codes: Option<CodeKind>) -> [u32; 5] {
    let [way, number] = match clusters {
        ClusterCount::Fixed(count) => [0, count],
        ClusterCount::PerRoot(ratio) => [1, ratio.to_bits()],
    };
    let [kind, detail] = codes.map_or([0, 0], CodeKind::stored);
    [way, number, u32::from(codes.is_some()), kind, detail]
}

impl VectorLists {
    /// Builds the lists of the rows in `present`; returns the blocks to store.
    pub(crate) fn build(
        block: &DenseBlock,
        present: Option<&BitSet>,
        clusters: ClusterCount,
        codes: Option<CodeKind>,
        progress: &dyn Fn(usize, usize),
    ) -> Vec<(String, Bytes)> {
        let built: Array<u32> = settings(clusters, codes).to_vec().into();
        let mut blocks = vec![(PARAMS.to_owned(), built.bytes().clone())];
        let rows = present.map_or(block.len(), BitSet::count);
        let lists = ivf::build(block, present, clusters.of(rows), codes, progress);
        let named = lists.into_iter();
        blocks.extend(named.map(|(name, bytes)| (name.to_owned(), bytes)));
        blocks
    }

    /// Opens what [`VectorLists::build`] gave.
    pub(crate) fn open(blocks: &Blocks, block: DenseBlock) -> Result<Self, Error> {
        let params = blocks.get(PARAMS).ok_or_else(|| BlockError::Missing {
            name: PARAMS.to_owned(),
        })?;
        let params = Array::<u32>::open(params).ok_or(BlockError::Damaged { name: PARAMS })?;
        let built = params.as_slice().try_into();
        let built = built.map_err(|_| BlockError::Damaged { name: PARAMS })?;
        Ok(Self {
            ivf: Ivf::open(blocks.all(), block)?,
            built,
        })
    }

    /// Whether they were built as `clusters` asks, with such codes.
    pub(crate) fn is_as_configured(&self, clusters: ClusterCount, codes: Option<CodeKind>) -> bool {
        self.built == settings(clusters, codes)
    }

    /// How many lists a search looks through that asks for `nprobe`.
    pub(crate) fn nprobe(&self, nprobe: Option<u32>) -> usize {
        nprobe.map_or(self.ivf.nprobe_default(), |lists| lists as usize)
    }
}
