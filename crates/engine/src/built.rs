//! The block of an index part that says what the index was built for and with.

use bytes::Bytes;
use index::DenseBlock;
use model::{Error, Metric};

use crate::array::Array;
use crate::block_error::BlockError;
use crate::part::Blocks;

const PARAMS: &str = "params";

/// A metric and further settings, as numbers that tell indexes of different settings apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Built {
    pub(crate) metric: Metric,
    settings: Vec<u32>,
}

impl Built {
    pub(crate) fn new(metric: Metric, settings: &[u32]) -> Self {
        Self {
            metric,
            settings: settings.to_vec(),
        }
    }

    /// The block to store, with its name.
    pub(crate) fn block(&self) -> (String, Bytes) {
        let mut numbers = vec![number(self.metric)];
        numbers.extend_from_slice(&self.settings);
        let numbers: Array<u32> = numbers.into();
        (PARAMS.to_owned(), numbers.bytes().clone())
    }

    /// Reads what [`Built::block`] gave, which has `N` settings.
    pub(crate) fn open<const N: usize>(blocks: &Blocks) -> Result<Self, Error> {
        let stored = blocks.get(PARAMS).ok_or_else(|| BlockError::Missing {
            name: PARAMS.to_owned(),
        })?;
        let damaged = BlockError::Damaged { name: PARAMS };
        let numbers = Array::<u32>::open(stored);
        let known = numbers.as_ref().and_then(|numbers| {
            let (first, settings) = numbers.as_slice().split_first()?;
            (settings.len() == N).then_some((metric(*first)?, settings))
        });
        let (metric, settings) = known.ok_or(damaged)?;
        Ok(Self::new(metric, settings))
    }

    /// The rows of `stored` as the index compares them.
    pub(crate) fn rows(&self, stored: &DenseBlock) -> Result<DenseBlock, Error> {
        stored.compared_by(self.metric)
    }
}

/// The metrics that an index may be built for, at their numbers.
const METRICS: [Metric; 4] = [Metric::Dot, Metric::Cosine, Metric::L2, Metric::L1];

fn number(metric: Metric) -> u32 {
    let at = METRICS.iter().position(|known| *known == metric);
    at.expect("a schema has no index by a metric of bits") as u32
}

fn metric(number: u32) -> Option<Metric> {
    METRICS.get(number as usize).copied()
}
