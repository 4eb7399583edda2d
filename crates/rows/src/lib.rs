//! Positions inside one segment: row ids, row sets, top-k.
//!
//! | where | what |
//! |---|---|
//! | [`RowId`] | a position in one segment, never shown to a caller |
//! | [`RowSet`] | an immutable compressed set of rows: tombstones, filter results |
//! | [`BitSet`] | the same as one flat bit array, for tests inside inner loops |
//! | [`TopK`] | the best `k` scored rows of a stream |

#![no_std]

extern crate alloc;

mod bit_set;
mod row_id;
mod row_set;
mod top_k;

pub use bit_set::{BitSet, BitSetIter};
pub use row_id::RowId;
pub use row_set::RowSet;
pub use top_k::{Scored, TopK, rank_key, rank_score};
