//! The values at one payload path of one source, sorted: a payload index.

mod array;
mod build;
mod facet;
mod format;
mod key;
mod order;
mod plan;
mod store;
mod text;

use bytes::Bytes;
use model::{FieldKind, IndexParams};
use rows::RowSet;

pub use facet::{Facets, can_count};
pub use order::Ordered;

use store::Store;

/// The values of one kind that one path reaches in the rows of a source.
///
/// Values of the column's kind are kept sorted, each with its row. What else is at the path is kept
/// only as sets of rows, so that every test has an exact answer: rows with values of other kinds
/// are handed back to be looked at.
#[derive(Debug)]
pub struct Column {
    kind: FieldKind,
    /// Which tokens a text is made of; nothing for other kinds.
    analysis: Bytes,
    /// Rows of the source.
    rows: u32,
    /// Rows with a value of the kind.
    points: u32,
    /// Most values that one row has.
    values_max: u32,
    sets: Sets,
    store: Store,
}

/// Facts about rows that the sorted values do not tell.
#[derive(Debug, Default)]
struct Sets {
    /// Rows for which the path is not empty.
    filled: RowSet,
    /// Rows with a null among the values.
    null: RowSet,
    /// Rows with a value of another kind than the column's, null excepted.
    foreign: RowSet,
    /// Rows where some reached value counts otherwise than 1 in a filled and 0 in an empty row.
    uneven: RowSet,
}

impl Column {
    /// Whether the column is what an index of `params` holds.
    pub fn is_of(&self, params: &IndexParams) -> bool {
        self.kind == params.kind && self.analysis == analysis(params)
    }

    /// Type of the values.
    pub fn kind(&self) -> FieldKind {
        self.kind
    }

    /// Number of rows of the source that the column was built from.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Number of rows with a value of the column's kind, deleted ones included; of texts those that
    /// have a token.
    pub fn points(&self) -> u64 {
        self.points.into()
    }
}

fn analysis(params: &IndexParams) -> Bytes {
    match params.kind {
        FieldKind::Text => text::fingerprint(&params.text),
        FieldKind::Keyword
        | FieldKind::Integer
        | FieldKind::Float
        | FieldKind::Bool
        | FieldKind::Datetime
        | FieldKind::Uuid
        | FieldKind::Geo => Bytes::new(),
    }
}
