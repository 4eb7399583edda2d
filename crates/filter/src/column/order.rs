//! The values of a column in order.

use core::cmp::Ordering;
use core::ops::Range;

use model::reply::OrderValue;
use model::{Direction, FieldKind, StartFrom, Timestamp};
use rows::RowId;

use super::store::Store;
use super::{Column, key};

/// The values of a column with their rows, in order; a row with several values comes several
/// times. Equal values come by ascending row when ascending, by descending row when descending.
#[derive(Clone, Debug)]
pub struct Ordered<'a> {
    kind: FieldKind,
    keys: &'a [u64],
    rows: &'a [u32],
    positions: Range<usize>,
    direction: Direction,
}

impl Column {
    /// All values in order, from `start_from` (inclusive) on; `None` when values of this kind have
    /// no order that a caller can name: only integers, numbers and dates have one.
    pub fn ordered(
        &self,
        direction: Direction,
        start_from: Option<StartFrom>,
    ) -> Option<Ordered<'_>> {
        let Store::Keys { keys, rows } = &self.store else {
            return None;
        };
        if self.kind == FieldKind::Bool {
            return None;
        }
        let keys = keys.as_slice();
        let positions = match (start_from, direction) {
            (None, _) => 0..keys.len(),
            (Some(start), Direction::Ascending) => {
                keys.partition_point(|&key| compare(self.kind, key, start).is_lt())..keys.len()
            }
            (Some(start), Direction::Descending) => {
                0..keys.partition_point(|&key| compare(self.kind, key, start).is_le())
            }
        };
        Some(Ordered {
            kind: self.kind,
            keys,
            rows: rows.as_slice(),
            positions,
            direction,
        })
    }
}

/// Compares a value with `start`; dates and integers compare as microseconds. A start that is no
/// number is equal to everything.
fn compare(kind: FieldKind, key: u64, start: StartFrom) -> Ordering {
    let as_floats = |x: f64, start: f64| x.partial_cmp(&start).unwrap_or(Ordering::Equal);
    match start {
        StartFrom::Int(n) | StartFrom::Datetime(Timestamp(n)) if kind == FieldKind::Float => {
            as_floats(key::to_float(key), n as f64)
        }
        StartFrom::Int(n) | StartFrom::Datetime(Timestamp(n)) => key::to_int(key).cmp(&n),
        StartFrom::Float(x) if kind == FieldKind::Float => as_floats(key::to_float(key), x),
        StartFrom::Float(x) => as_floats(key::to_int(key) as f64, x),
    }
}

impl Iterator for Ordered<'_> {
    type Item = (OrderValue, RowId);

    fn next(&mut self) -> Option<Self::Item> {
        let at = match self.direction {
            Direction::Ascending => self.positions.next(),
            Direction::Descending => self.positions.next_back(),
        }?;
        let key = *self.keys.get(at)?;
        let value = match self.kind {
            FieldKind::Float => OrderValue::Float(key::to_float(key)),
            FieldKind::Datetime => OrderValue::Datetime(Timestamp(key::to_int(key))),
            FieldKind::Integer
            | FieldKind::Bool
            | FieldKind::Keyword
            | FieldKind::Uuid
            | FieldKind::Geo
            | FieldKind::Text => OrderValue::Int(key::to_int(key)),
        };
        Some((value, RowId(*self.rows.get(at)?)))
    }
}
