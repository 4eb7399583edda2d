//! The distinct values of a column, with the number of rows that have each.

use model::FieldKind;
use model::aggregate::FacetValue;
use rows::{BitSet, RowId};

use super::store::Store;
use super::{Column, key};

/// The distinct values of a column, ascending, each with how many rows have it; values that no
/// row has are left out.
#[derive(Debug)]
pub struct Facets<'a> {
    column: &'a Column,
    among: Option<&'a BitSet>,
    /// The next position, or the next text.
    next: usize,
}

impl Column {
    /// Counts the rows per value, of `among` or of the whole source. `None` when values of this
    /// kind are not counted: only texts, integers, truth values and UUIDs are.
    pub fn facets<'a>(&'a self, among: Option<&'a BitSet>) -> Option<Facets<'a>> {
        can_count(self.kind).then_some(Facets {
            column: self,
            among,
            next: 0,
        })
    }
}

/// Whether the values of an index of `kind` can be counted: those that are compared whole.
pub fn can_count(kind: FieldKind) -> bool {
    match kind {
        FieldKind::Keyword | FieldKind::Integer | FieldKind::Bool | FieldKind::Uuid => true,
        FieldKind::Float | FieldKind::Datetime | FieldKind::Geo | FieldKind::Text => false,
    }
}

/// Where the run of equal keys that begins at `start` ends.
fn run_end<K: PartialEq>(keys: &[K], start: usize) -> usize {
    let first = &keys[start];
    let equal = keys[start..].iter().take_while(|key| *key == first);
    start + equal.count()
}

impl Facets<'_> {
    fn kept(&self, rows: &[u32]) -> u64 {
        match self.among {
            None => rows.len() as u64,
            Some(among) => {
                let kept = rows.iter().filter(|&&row| among.contains(RowId(row)));
                kept.count() as u64
            }
        }
    }

    /// The next value and its count, which may be 0.
    fn step(&mut self) -> Option<(FacetValue, u64)> {
        let store = &self.column.store;
        let start = self.next;
        match store {
            Store::Keys { keys, .. } => {
                let keys = keys.as_slice();
                let key = *keys.get(start)?;
                self.next = run_end(keys, start);
                let value = match self.column.kind {
                    FieldKind::Bool => FacetValue::Bool(key != 0),
                    FieldKind::Integer
                    | FieldKind::Float
                    | FieldKind::Datetime
                    | FieldKind::Keyword
                    | FieldKind::Uuid
                    | FieldKind::Geo
                    | FieldKind::Text => FacetValue::Int(key::to_int(key)),
                };
                Some((value, self.kept(store.rows_at(start..self.next))))
            }
            Store::Uuids { keys, .. } => {
                let keys = keys.as_slice();
                let key = *keys.get(start)?;
                self.next = run_end(keys, start);
                let count = self.kept(store.rows_at(start..self.next));
                Some((FacetValue::Uuid(key.to_be_bytes()), count))
            }
            Store::Terms(terms) => {
                if start >= terms.len() {
                    return None;
                }
                self.next = start + 1;
                let text = String::from_utf8_lossy(terms.text(start)).into_owned();
                let count = self.kept(store.rows_at(terms.positions(start..start + 1)));
                Some((FacetValue::Text(text), count))
            }
            // No kind that is counted is stored so.
            Store::Places { .. } | Store::Text(_) => None,
        }
    }
}

impl Iterator for Facets<'_> {
    type Item = (FacetValue, u64);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (value, count) = self.step()?;
            if count > 0 {
                return Some((value, count));
            }
        }
    }
}
