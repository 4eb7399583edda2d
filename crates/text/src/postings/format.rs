//! Postings as named blocks of bytes.
//!
//! | block | content |
//! |---|---|
//! | `tokens` | UTF-8 of all tokens, ascending, one behind the other |
//! | `token_entries` | 28 bytes per token: `u32` rows, `u64` ends in the three other blocks |
//! | `token_rows` | per token: differences of its rows |
//! | `token_places` | with phrases only; per token and row: count, differences of places |
//!
//! Fixed numbers are little-endian, counts and differences LEB128; ends are in the order of this
//! table. Blocks are read in place at any alignment. Damage that passes unnoticed gives wrong
//! answers but never a panic.

use bytes::Bytes;
use model::Error;
use thiserror::Error as ThisError;

use super::{Entry, Postings};

const TOKENS: &str = "tokens";
const ENTRIES: &str = "token_entries";
const ROWS: &str = "token_rows";
const PLACES: &str = "token_places";

#[derive(Debug, ThisError)]
enum FormatError {
    #[error("postings: block `{0}` is missing")]
    Missing(&'static str),
    #[error("postings: block `{0}` is damaged")]
    Damaged(&'static str),
}

impl From<FormatError> for Error {
    fn from(error: FormatError) -> Self {
        Self::corrupt(error.to_string())
    }
}

impl Postings {
    /// The postings as named blocks; [`Postings::open`] reads them back. Shares the bytes.
    pub fn encode(&self) -> Vec<(&'static str, Bytes)> {
        let mut blocks = vec![
            (TOKENS, self.tokens.clone()),
            (ENTRIES, self.entries.clone()),
            (ROWS, self.rows.clone()),
        ];
        blocks.extend(self.places.clone().map(|places| (PLACES, places)));
        blocks
    }

    /// Opens what [`Postings::encode`] gave; `block` returns a block by its name.
    ///
    /// # Errors
    /// `Corrupt` when a block is missing or contradicts another.
    pub fn open(block: &dyn Fn(&str) -> Option<Bytes>) -> Result<Self, Error> {
        let must = |name: &'static str| block(name).ok_or(FormatError::Missing(name));
        let postings = Self {
            tokens: must(TOKENS)?,
            entries: must(ENTRIES)?,
            rows: must(ROWS)?,
            places: block(PLACES),
        };
        if !postings.entries.len().is_multiple_of(Entry::LEN) {
            return Err(FormatError::Damaged(ENTRIES).into());
        }
        let ends = postings.ends_before(postings.len());
        let ends = ends.ok_or(FormatError::Damaged(ENTRIES))?;
        let places = postings.places.as_ref().map_or(0, Bytes::len);
        for (name, end, len) in [
            (TOKENS, ends.token_end, postings.tokens.len()),
            (ROWS, ends.rows_end, postings.rows.len()),
            (PLACES, ends.places_end, places),
        ] {
            if end != len as u64 {
                return Err(FormatError::Damaged(name).into());
            }
        }
        Ok(postings)
    }
}
