//! Collecting postings, row by row.

use hashbrown::HashMap;

use super::{Entry, Postings, varint};
use crate::analyzer::Analyzer;

/// Collects the tokens of rows that come in ascending order.
#[derive(Debug)]
pub struct PostingsBuilder<'a> {
    analyzer: &'a Analyzer,
    keeps_places: bool,
    tokens: HashMap<Box<str>, Collected>,
    /// Tokens of the row that is collected, as they came.
    row: Vec<(Box<str>, u32)>,
    /// Where the next text of the row begins.
    place: u32,
}

/// One token's data so far.
#[derive(Debug, Default)]
struct Collected {
    count: u32,
    last_row: u32,
    rows: Vec<u8>,
    places: Vec<u8>,
}

impl<'a> PostingsBuilder<'a> {
    /// `keeps_places`: phrases will be asked for.
    pub fn new(analyzer: &'a Analyzer, keeps_places: bool) -> Self {
        Self {
            analyzer,
            keeps_places,
            tokens: HashMap::new(),
            row: Vec::new(),
            place: 0,
        }
    }

    /// Adds a text of the current row.
    pub fn push(&mut self, text: &str) {
        let (row, place) = (&mut self.row, &mut self.place);
        self.analyzer.document(text, &mut |token| {
            row.push((token.into(), *place));
            *place = place.saturating_add(1);
        });
        // A gap, so that no phrase reaches from one text into the next.
        *place = place.saturating_add(1);
    }

    /// Ends the row, which is above all before it; returns whether it has a token.
    pub fn finish_row(&mut self, row: u32) -> bool {
        self.place = 0;
        let mut tokens = core::mem::take(&mut self.row);
        tokens.sort_unstable();
        let mut rest = &tokens[..];
        while let Some((token, _)) = rest.first() {
            let count = rest.partition_point(|(other, _)| other <= token);
            let (same, others) = rest.split_at(count);
            let collected = match self.tokens.get_mut(token) {
                Some(collected) => collected,
                None => self.tokens.entry(token.clone()).or_default(),
            };
            collected.push(row, same, self.keeps_places);
            rest = others;
        }
        let has_tokens = !tokens.is_empty();
        tokens.clear();
        // The room is used again for the next row.
        self.row = tokens;
        has_tokens
    }

    /// The postings of all rows.
    pub fn finish(self) -> Postings {
        let mut sorted: Vec<(Box<str>, Collected)> = self.tokens.into_iter().collect();
        sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut entries = Vec::with_capacity(sorted.len() * Entry::LEN);
        let (mut tokens, mut rows, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (token, collected) in sorted {
            tokens.extend_from_slice(token.as_bytes());
            rows.extend_from_slice(&collected.rows);
            places.extend_from_slice(&collected.places);
            let entry = Entry {
                count: collected.count,
                token_end: tokens.len() as u64,
                rows_end: rows.len() as u64,
                places_end: places.len() as u64,
            };
            entries.extend_from_slice(&entry.to_bytes());
        }
        Postings {
            tokens: tokens.into(),
            entries: entries.into(),
            rows: rows.into(),
            places: self.keeps_places.then(|| places.into()),
        }
    }
}

impl Collected {
    fn push(&mut self, row: u32, occurrences: &[(Box<str>, u32)], keeps_places: bool) {
        varint::push(&mut self.rows, row - self.last_row);
        self.last_row = row;
        self.count += 1;
        if !keeps_places {
            return;
        }
        varint::push(&mut self.places, occurrences.len() as u32);
        let mut last = 0;
        for (_, place) in occurrences {
            varint::push(&mut self.places, place - last);
            last = *place;
        }
    }
}
