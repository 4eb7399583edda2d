//! Which rows hold which token, and where in their texts.
//!
//! Tokens are sorted; each has its rows in ascending order, as differences of variable length. A
//! token is found by binary search and read from its first row to its last, so that nothing has
//! to be decoded when postings are opened.

mod build;
mod format;
mod varint;

use bytes::Bytes;
use rows::{RowId, RowSet};

use crate::question::Question;
use varint::Varints;

pub use build::PostingsBuilder;

/// The tokens of the texts of one immutable set of rows.
#[derive(Debug, Default)]
pub struct Postings {
    /// All tokens, one behind the other, ascending by bytes.
    tokens: Bytes,
    /// An [`Entry`] per token.
    entries: Bytes,
    /// Rows of the first token, of the second, …
    rows: Bytes,
    /// Per token and row the number of places and the places; nothing without phrases.
    places: Option<Bytes>,
}

/// What is known of one token.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Rows that hold it.
    count: u32,
    /// Where it ends among the tokens, and its data in each block.
    token_end: u64,
    rows_end: u64,
    places_end: u64,
}

impl Entry {
    /// Bytes of an entry.
    const LEN: usize = 28;

    fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..4].copy_from_slice(&self.count.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.token_end.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.rows_end.to_le_bytes());
        bytes[20..].copy_from_slice(&self.places_end.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8; Self::LEN]) -> Self {
        let word = |at: usize| {
            let bytes = bytes[at..at + 8].try_into().expect("eight bytes are eight");
            u64::from_le_bytes(bytes)
        };
        let count = bytes[..4].try_into().expect("four bytes are four");
        Self {
            count: u32::from_le_bytes(count),
            token_end: word(4),
            rows_end: word(12),
            places_end: word(20),
        }
    }
}

/// One token's part of the blocks.
struct List<'p> {
    count: u32,
    rows: &'p [u8],
    places: &'p [u8],
}

impl Postings {
    /// Number of distinct tokens.
    pub fn len(&self) -> usize {
        self.entries.len() / Entry::LEN
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether phrases can be found.
    pub fn has_places(&self) -> bool {
        self.places.is_some()
    }

    /// Number of rows that hold `token`.
    pub fn count(&self, token: &str) -> u32 {
        self.find(token).map_or(0, |list| list.count)
    }

    /// The rows whose texts, taken together, answer `question`. No row answers a phrase when
    /// places are not kept.
    pub fn rows(&self, question: &Question) -> RowSet {
        match question {
            Question::All(tokens) => self.all(tokens),
            Question::Any(tokens) => tokens.iter().fold(RowSet::new(), |found, token| {
                found.union(&self.rows_of(token))
            }),
            Question::Phrase(tokens) if self.has_places() => self.phrase(tokens),
            Question::Phrase(_) => RowSet::new(),
        }
    }

    fn rows_of(&self, token: &str) -> RowSet {
        self.find(token)
            .into_iter()
            .flat_map(|list| list.rows())
            .map(RowId)
            .collect()
    }

    fn all(&self, tokens: &[String]) -> RowSet {
        let mut tokens: Vec<(u32, &String)> = tokens
            .iter()
            .map(|token| (self.count(token), token))
            .collect();
        tokens.sort_unstable();
        let Some((&(_, rarest), rest)) = tokens.split_first() else {
            return RowSet::new();
        };
        let mut found = self.rows_of(rarest);
        for (_, token) in rest {
            if found.is_empty() {
                break;
            }
            found = found.intersection(&self.rows_of(token));
        }
        found
    }

    /// Rows in which the tokens stand in a row.
    fn phrase(&self, tokens: &[String]) -> RowSet {
        let mut distinct = tokens.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let candidates = self.all(&distinct);
        if candidates.is_empty() {
            return candidates;
        }
        // Where a phrase may begin, per row; every further token leaves those that it continues.
        let mut begins: Vec<(u32, Vec<u32>)> = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let Some(list) = self.find(token) else {
                return RowSet::new();
            };
            let places = list
                .places()
                .filter(|(row, _)| candidates.contains(RowId(*row)));
            if at == 0 {
                begins = places.collect();
            } else {
                begins = continued(begins, places, at as u32);
            }
        }
        begins.into_iter().map(|(row, _)| RowId(row)).collect()
    }

    fn entry(&self, at: usize) -> Option<Entry> {
        let bytes = self.entries.get(at * Entry::LEN..)?.first_chunk()?;
        Some(Entry::read(bytes))
    }

    /// Ends of the data before the token `at`.
    fn ends_before(&self, at: usize) -> Option<Entry> {
        match at.checked_sub(1) {
            Some(before) => self.entry(before),
            None => Some(Entry {
                count: 0,
                token_end: 0,
                rows_end: 0,
                places_end: 0,
            }),
        }
    }

    /// The token `at`; empty where damaged postings have none.
    fn token(&self, at: usize) -> &[u8] {
        let bytes = || {
            let (start, end) = (self.ends_before(at)?, self.entry(at)?);
            slice(&self.tokens, start.token_end, end.token_end)
        };
        bytes().unwrap_or(&[])
    }

    fn find(&self, token: &str) -> Option<List<'_>> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.token(middle) < token.as_bytes() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if low == self.len() || self.token(low) != token.as_bytes() {
            return None;
        }
        let (start, end) = (self.ends_before(low)?, self.entry(low)?);
        let places = match &self.places {
            Some(places) => slice(places, start.places_end, end.places_end)?,
            None => &[],
        };
        Some(List {
            count: end.count,
            rows: slice(&self.rows, start.rows_end, end.rows_end)?,
            places,
        })
    }
}

fn slice(bytes: &Bytes, start: u64, end: u64) -> Option<&[u8]> {
    bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// The `begins` for which a token `behind` places later is among `places`. Both ascend by row.
fn continued(
    begins: Vec<(u32, Vec<u32>)>,
    places: impl Iterator<Item = (u32, Vec<u32>)>,
    behind: u32,
) -> Vec<(u32, Vec<u32>)> {
    let mut places = places.peekable();
    let mut left = Vec::new();
    for (row, mut starts) in begins {
        while places.next_if(|(other, _)| *other < row).is_some() {}
        let Some((_, next)) = places.next_if(|(other, _)| *other == row) else {
            continue;
        };
        starts.retain(|start| next.binary_search(&start.saturating_add(behind)).is_ok());
        if !starts.is_empty() {
            left.push((row, starts));
        }
    }
    left
}

impl<'p> List<'p> {
    /// Ascending.
    fn rows(&self) -> impl Iterator<Item = u32> + use<'p> {
        let mut row = 0_u32;
        Varints::new(self.rows).map(move |delta| {
            row = row.wrapping_add(delta);
            row
        })
    }

    /// Rows, each with the places of the token, ascending.
    fn places(&self) -> impl Iterator<Item = (u32, Vec<u32>)> + use<'p> {
        let mut numbers = Varints::new(self.places);
        self.rows().map(move |row| {
            let count = numbers.next().unwrap_or(0);
            let mut place = 0_u32;
            let places = numbers.by_ref().take(count as usize).map(|delta| {
                place = place.wrapping_add(delta);
                place
            });
            (row, places.collect())
        })
    }
}

#[cfg(test)]
mod tests;
