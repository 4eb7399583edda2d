//! The part of inverted lists of one vector field of a sealed segment.

use bytes::Bytes;
use index::{CodeKind, DenseBlock, Ivf, ivf};
use model::{ClusterCount, Error, Metric};
use rows::BitSet;

use crate::built::Built;
use crate::part::Blocks;

/// Inverted lists and what they were built with.
#[derive(Debug)]
pub(crate) struct VectorLists {
    pub(crate) ivf: Ivf,
    built: Built,
}

/// What tells lists of different settings apart: how the number of clusters was given, and the
/// kind of codes.
fn built(metric: Metric, clusters: ClusterCount, codes: Option<CodeKind>) -> Built {
    let [way, number] = match clusters {
        ClusterCount::Fixed(count) => [0, count],
        ClusterCount::PerRoot(ratio) => [1, ratio.to_bits()],
    };
    let [kind, detail] = codes.map_or([0, 0], CodeKind::stored);
    let coded = u32::from(codes.is_some());
    Built::new(metric, &[way, number, coded, kind, detail])
}

impl VectorLists {
    /// Builds the lists of the rows in `present` for searches by `metric`; returns the blocks to
    /// store.
    pub(crate) fn build(
        stored: &DenseBlock,
        present: Option<&BitSet>,
        metric: Metric,
        clusters: ClusterCount,
        codes: Option<CodeKind>,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Vec<(String, Bytes)>, Error> {
        let built = built(metric, clusters, codes);
        let count = clusters.of(present.map_or(stored.len(), BitSet::count));
        let lists = ivf::build(&built.rows(stored)?, present, count, codes, progress);
        let lists = lists.into_iter();
        let lists = lists.map(|(name, bytes)| (name.to_owned(), bytes));
        Ok(std::iter::once(built.block()).chain(lists).collect())
    }

    /// Opens what [`VectorLists::build`] gave.
    pub(crate) fn open(blocks: &Blocks, stored: &DenseBlock) -> Result<Self, Error> {
        let built = Built::open::<5>(blocks)?;
        Ok(Self {
            ivf: Ivf::open(blocks.all(), built.rows(stored)?)?,
            built,
        })
    }

    /// Whether they were built for `metric` as `clusters` asks, with such codes.
    pub(crate) fn is_as_configured(
        &self,
        metric: Metric,
        clusters: ClusterCount,
        codes: Option<CodeKind>,
    ) -> bool {
        self.built == built(metric, clusters, codes)
    }

    /// How many lists a search looks through that asks for `nprobe`.
    pub(crate) fn nprobe(&self, nprobe: Option<u32>) -> usize {
        nprobe.map_or(self.ivf.nprobe_default(), |lists| lists as usize)
    }
}
