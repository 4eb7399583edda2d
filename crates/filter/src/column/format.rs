//! A column as named blocks of bytes, little-endian.
//!
//! | block | of | content |
//! |---|---|---|
//! | `meta` | all | `u32` each: magic, version, kind, rows, points, most values of a row |
//! | `sets` | all | `u32`s: filled, null, foreign, uneven, each as form, length, rows ascending |
//! | `rows` | all but text | `u32` per value: its row |
//! | `keys` | integer, float, bool, date | `u64` per value, ascending: order-preserving key |
//! | `keys` | uuid | `u128` per value, ascending |
//! | `texts`, `text_ends`, `row_ends` | keyword | UTF-8, `u64` and `u32` per distinct text |
//! | `analysis` | text | how texts were cut into tokens; compared, never read |
//! | `tokens`, `token_…` | text | postings: see the crate `text` |
//! | `lats`, `lons` | geo | `f64` per value, ascending by latitude |
//!
//! A set of form 0 lists its rows, one of form 1 the rows that it does not have. Checksums are the
//! business of the storage layer; what is checked here is what reading relies on. Damage that
//! passes unnoticed gives wrong answers but never a panic.

use bytemuck::Pod;
use bytes::Bytes;
use model::{Error, FieldKind};
use rows::{RowId, RowSet};
use text::Postings;
use thiserror::Error as ThisError;

use super::array::Array;
use super::store::{Store, Terms};
use super::{Column, Sets};

const MAGIC: u32 = u32::from_le_bytes(*b"SKPC");
const VERSION: u32 = 1;

const LISTED: u32 = 0;
const LISTED_ABSENT: u32 = 1;

#[derive(Debug, ThisError)]
enum FormatError {
    #[error("payload column: block `{0}` is missing")]
    Missing(&'static str),
    #[error("payload column: block `{0}` is damaged")]
    Damaged(&'static str),
    #[error("payload column: version {0} is not known")]
    Version(u32),
}

impl From<FormatError> for Error {
    fn from(error: FormatError) -> Self {
        Self::corrupt(error.to_string())
    }
}

impl Column {
    /// The column as named blocks; [`Column::open`] reads them back. The bytes are shared, not
    /// copied, where they lie in memory as they are stored.
    pub fn encode(&self) -> Vec<(String, Bytes)> {
        let meta = [
            MAGIC,
            VERSION,
            kind_tag(self.kind),
            self.rows,
            self.points,
            self.values_max,
        ];
        let mut sets = Vec::new();
        let Sets {
            filled,
            null,
            foreign,
            uneven,
        } = &self.sets;
        for set in [filled, null, foreign, uneven] {
            push_set(set, self.rows, &mut sets);
        }
        let mut blocks = vec![
            ("meta", Array::from(meta.to_vec()).bytes()),
            ("sets", Array::from(sets).bytes()),
        ];
        match &self.store {
            Store::Keys { keys, rows } => {
                blocks.extend([("keys", keys.bytes()), ("rows", rows.bytes())]);
            }
            Store::Uuids { keys, rows } => {
                blocks.extend([("keys", keys.bytes()), ("rows", rows.bytes())]);
            }
            Store::Terms(terms) => blocks.extend([
                ("texts", terms.texts.clone()),
                ("text_ends", terms.text_ends.bytes()),
                ("row_ends", terms.row_ends.bytes()),
                ("rows", terms.rows.bytes()),
            ]),
            Store::Places { lats, lons, rows } => blocks.extend([
                ("lats", lats.bytes()),
                ("lons", lons.bytes()),
                ("rows", rows.bytes()),
            ]),
            Store::Text(postings) => {
                blocks.push(("analysis", self.analysis.clone()));
                blocks.extend(postings.encode());
            }
        }
        let named = |(name, bytes): (&str, Bytes)| (name.to_owned(), bytes);
        blocks.into_iter().map(named).collect()
    }

    /// Opens what [`Column::encode`] gave; `block` returns a block by its name. Whether
    /// [`Column::rows`] is what it should be is for the caller to check. Values are read in
    /// place where the bytes are aligned, so that opening costs next to nothing.
    ///
    /// # Errors
    /// `Corrupt` when a block is missing or contradicts another.
    pub fn open(block: &dyn Fn(&str) -> Option<Bytes>) -> Result<Self, Error> {
        open(&Blocks(block))
    }
}

struct Blocks<'a>(&'a dyn Fn(&str) -> Option<Bytes>);

impl Blocks<'_> {
    fn bytes(&self, name: &'static str) -> Result<Bytes, FormatError> {
        (self.0)(name).ok_or(FormatError::Missing(name))
    }

    fn array<T: Pod + Send>(&self, name: &'static str) -> Result<Array<T>, FormatError> {
        Array::open(self.bytes(name)?).ok_or(FormatError::Damaged(name))
    }

    /// An array of `len` values.
    fn array_of<T: Pod + Send>(
        &self,
        name: &'static str,
        len: usize,
    ) -> Result<Array<T>, FormatError> {
        let array = self.array(name)?;
        if array.len() == len {
            Ok(array)
        } else {
            Err(FormatError::Damaged(name))
        }
    }
}

fn open(blocks: &Blocks<'_>) -> Result<Column, Error> {
    let meta = blocks.array::<u32>("meta")?;
    let &[magic, version, tag, rows, points, values_max] = meta.as_slice() else {
        return Err(FormatError::Damaged("meta").into());
    };
    if magic != MAGIC {
        return Err(FormatError::Damaged("meta").into());
    }
    if version != VERSION {
        return Err(FormatError::Version(version).into());
    }
    let kind = kind_of(tag).ok_or(FormatError::Damaged("meta"))?;
    let store = open_store(kind, blocks)?;
    let values = match &store {
        Store::Text(_) => points as usize,
        Store::Keys { .. } | Store::Uuids { .. } | Store::Terms(_) | Store::Places { .. } => {
            store.rows().len()
        }
    };
    let fits = points <= rows && points as usize <= values && values_max as usize <= values;
    if !fits || (values > 0 && (points == 0 || values_max == 0)) {
        return Err(FormatError::Damaged("meta").into());
    }
    let analysis = match kind {
        FieldKind::Text => blocks.bytes("analysis")?,
        FieldKind::Keyword
        | FieldKind::Integer
        | FieldKind::Float
        | FieldKind::Bool
        | FieldKind::Datetime
        | FieldKind::Uuid
        | FieldKind::Geo => Bytes::new(),
    };
    Ok(Column {
        kind,
        analysis,
        rows,
        points,
        values_max,
        sets: open_sets(blocks.array("sets")?.as_slice(), rows)
            .ok_or(FormatError::Damaged("sets"))?,
        store,
    })
}

fn open_store(kind: FieldKind, blocks: &Blocks<'_>) -> Result<Store, Error> {
    let rows = || blocks.array::<u32>("rows");
    Ok(match kind {
        FieldKind::Integer | FieldKind::Float | FieldKind::Bool | FieldKind::Datetime => {
            let rows = rows()?;
            Store::Keys {
                keys: blocks.array_of("keys", rows.len())?,
                rows,
            }
        }
        FieldKind::Uuid => {
            let rows = rows()?;
            Store::Uuids {
                keys: blocks.array_of("keys", rows.len())?,
                rows,
            }
        }
        FieldKind::Geo => {
            let rows = rows()?;
            Store::Places {
                lats: blocks.array_of("lats", rows.len())?,
                lons: blocks.array_of("lons", rows.len())?,
                rows,
            }
        }
        FieldKind::Keyword => Store::Terms(open_terms(rows()?, blocks)?),
        FieldKind::Text => Store::Text(Postings::open(blocks.0)?),
    })
}

fn open_terms(rows: Array<u32>, blocks: &Blocks<'_>) -> Result<Terms, FormatError> {
    let texts = blocks.bytes("texts")?;
    let text_ends: Array<u64> = blocks.array("text_ends")?;
    let row_ends: Array<u32> = blocks.array_of("row_ends", text_ends.len())?;
    if text_ends.as_slice().last().copied().unwrap_or(0) != texts.len() as u64 {
        return Err(FormatError::Damaged("text_ends"));
    }
    if row_ends.as_slice().last().copied().unwrap_or(0) as usize != rows.len() {
        return Err(FormatError::Damaged("row_ends"));
    }
    Ok(Terms {
        texts,
        text_ends,
        row_ends,
        rows,
    })
}

fn push_set(set: &RowSet, rows: u32, out: &mut Vec<u32>) {
    let absent;
    let (form, listed) = if set.len() > rows as usize / 2 {
        absent = set.complement(rows);
        (LISTED_ABSENT, &absent)
    } else {
        (LISTED, set)
    };
    out.push(form);
    // A set of rows has fewer rows than its source, whose length is a `u32`.
    out.push(listed.len() as u32);
    out.extend(listed.iter().map(|row| row.0));
}

fn open_sets(words: &[u32], rows: u32) -> Option<Sets> {
    let mut rest = words;
    let mut next = || {
        let (&[form, len], tail) = rest.split_first_chunk::<2>()?;
        let (listed, tail) = tail.split_at_checked(len as usize)?;
        rest = tail;
        if listed.last().is_some_and(|&row| row >= rows) {
            return None;
        }
        let listed = RowSet::from_ascending(listed.iter().map(|&row| RowId(row)))?;
        match form {
            LISTED => Some(listed),
            LISTED_ABSENT => Some(listed.complement(rows)),
            _ => None,
        }
    };
    let sets = Sets {
        filled: next()?,
        null: next()?,
        foreign: next()?,
        uneven: next()?,
    };
    rest.is_empty().then_some(sets)
}

fn kind_tag(kind: FieldKind) -> u32 {
    match kind {
        FieldKind::Keyword => 1,
        FieldKind::Integer => 2,
        FieldKind::Float => 3,
        FieldKind::Bool => 4,
        FieldKind::Datetime => 5,
        FieldKind::Uuid => 6,
        FieldKind::Geo => 7,
        FieldKind::Text => 8,
    }
}

fn kind_of(tag: u32) -> Option<FieldKind> {
    Some(match tag {
        1 => FieldKind::Keyword,
        2 => FieldKind::Integer,
        3 => FieldKind::Float,
        4 => FieldKind::Bool,
        5 => FieldKind::Datetime,
        6 => FieldKind::Uuid,
        7 => FieldKind::Geo,
        8 => FieldKind::Text,
        _ => return None,
    })
}
