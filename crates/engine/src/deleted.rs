//! Which rows of a segment are deleted or concealed: one value per state, copied when it changes.
//!
//! A concealed row is left out by every read as a deleted one is, and searches see no difference
//! between them. Only what keeps rows (merging, sealing, building) asks which are really gone.

use std::sync::OnceLock;

use bytes::Bytes;
use rows::{BitSet, RowId, RowSet};

use crate::array::Array;
use crate::block_error::BlockError;
use crate::vectors::from_words;

/// The rows of one segment that reads leave out, at one moment.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    /// Deleted and concealed ones.
    rows: RowSet,
    /// The concealed ones among them.
    concealed: RowSet,
    /// The other rows as bits, made when a search first wants them.
    live: OnceLock<BitSet>,
}

impl From<RowSet> for Deleted {
    fn from(rows: RowSet) -> Self {
        Self {
            rows,
            concealed: RowSet::default(),
            live: OnceLock::new(),
        }
    }
}

impl Deleted {
    /// The rows that reads leave out.
    pub(crate) fn rows(&self) -> &RowSet {
        &self.rows
    }

    /// The concealed rows.
    pub(crate) fn concealed(&self) -> &RowSet {
        &self.concealed
    }

    /// The rows that never come back.
    pub(crate) fn gone(&self) -> RowSet {
        if self.concealed.is_empty() {
            return self.rows.clone();
        }
        self.rows.difference(&self.concealed)
    }

    /// These and `more`, deleted for good; the sets are copied once.
    pub(crate) fn with(&self, more: impl IntoIterator<Item = RowId>) -> Self {
        let mut rows = self.rows.clone();
        let mut concealed = self.concealed.clone();
        for row in more {
            if !rows.insert(row) && concealed.contains(row) {
                concealed.remove(row);
            }
        }
        Self {
            rows,
            concealed,
            live: OnceLock::new(),
        }
    }

    /// The same rows deleted, and exactly `concealed` of the others concealed.
    pub(crate) fn concealing(&self, concealed: RowSet) -> Self {
        let mut rows = self.gone();
        let still: RowSet = concealed.iter().filter(|row| rows.insert(*row)).collect();
        Self {
            rows,
            concealed: still,
            live: OnceLock::new(),
        }
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

    /// The stored form of the deleted rows, then of the concealed ones: one bit per row of
    /// `0..rows`, or nothing when there is none.
    pub(crate) fn encode(&self, rows: u32) -> (Bytes, Bytes) {
        let bits = |set: &RowSet| -> Bytes {
            if set.is_empty() {
                return Bytes::new();
            }
            let words: Array<u64> = set.to_bits(rows as usize).words().to_vec().into();
            words.bytes().clone()
        };
        (bits(&self.gone()), bits(&self.concealed))
    }

    /// Reads what [`Deleted::encode`] gave.
    pub(crate) fn decode(deleted: Bytes, concealed: Bytes, rows: u32) -> Result<Self, BlockError> {
        let set = |bytes: Bytes, name| -> Result<RowSet, BlockError> {
            if bytes.is_empty() {
                return Ok(RowSet::default());
            }
            let words = Array::<u64>::open(bytes)
                .filter(|words| words.as_slice().len() == (rows as usize).div_ceil(64))
                .ok_or(BlockError::Damaged { name })?;
            Ok(RowSet::from(&from_words(words.as_slice(), rows as usize)))
        };
        let concealed = set(concealed, "concealed")?;
        Ok(Self::from(set(deleted, "tombstones")?).concealing(concealed))
    }
}
