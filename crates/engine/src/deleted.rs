//! Which rows of a segment are deleted: one value per state, copied when it changes.

use std::sync::OnceLock;

use bytes::Bytes;
use rows::{BitSet, RowId, RowSet};

use crate::array::Array;
use crate::block_error::BlockError;
use crate::vectors::from_words;

/// The deleted rows of one segment at one moment.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    rows: RowSet,
    /// The other rows as bits, made when a search first wants them.
    live: OnceLock<BitSet>,
}

impl From<RowSet> for Deleted {
    fn from(rows: RowSet) -> Self {
        Self {
            rows,
            live: OnceLock::new(),
        }
    }
}

impl Deleted {
    /// The deleted rows.
    pub(crate) fn rows(&self) -> &RowSet {
        &self.rows
    }

    /// These and `more`; the set is copied once.
    pub(crate) fn with(&self, more: impl IntoIterator<Item = RowId>) -> Self {
        let mut rows = self.rows.clone();
        for row in more {
            rows.insert(row);
        }
        rows.into()
    }

    /// The live rows of `0..rows` as bits.
    pub(crate) fn live_bits(&self, rows: u32) -> &BitSet {
        self.live.get_or_init(|| {
            let mut live = BitSet::full(rows as usize);
            for row in self.rows.iter() {
                live.remove(row);
            }
            live
        })
    }

    /// The stored form: one bit per row of `0..rows`, or nothing when no row is deleted.
    pub(crate) fn encode(&self, rows: u32) -> Bytes {
        if self.rows.is_empty() {
            return Bytes::new();
        }
        let words: Array<u64> = self.rows.to_bits(rows as usize).words().to_vec().into();
        words.bytes().clone()
    }

    /// Reads what [`Deleted::encode`] gave.
    pub(crate) fn decode(bytes: Bytes, rows: u32) -> Result<Self, BlockError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let damaged = BlockError::Damaged { name: "tombstones" };
        let Some(words) = Array::<u64>::open(bytes) else {
            return Err(damaged);
        };
        if words.as_slice().len() != (rows as usize).div_ceil(64) {
            return Err(damaged);
        }
        Ok(RowSet::from(&from_words(words.as_slice(), rows as usize)).into())
    }
}
