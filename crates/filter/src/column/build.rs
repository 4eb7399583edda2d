//! Collecting a column from payloads.

use hashbrown::HashMap;
use model::{FieldKind, FieldPath, Timestamp, ValueRef};
use rows::{RowId, RowSet};

use super::array::Array;
use super::store::{Store, Terms};
use super::{Column, Sets, key};
use crate::check::{count_of, parse_uuid};
use crate::geo;
use crate::reach::{any_leaf, any_reached};
use crate::source::RowSource;

/// Sorted values of a kind, while they are collected.
enum Collected<'a> {
    Keys(Vec<(u64, u32)>),
    Uuids(Vec<(u128, u32)>),
    Terms(HashMap<&'a str, Vec<u32>>),
    /// Latitude and longitude keys.
    Places(Vec<(u64, u64, u32)>),
}

/// A column while it is collected, row by row.
struct Builder<'a> {
    kind: FieldKind,
    collected: Collected<'a>,
    facts: Facts,
    rows: u32,
    row: u32,
}

/// Rows that get a fact, ascending.
#[derive(Default)]
struct Facts {
    filled: Vec<RowId>,
    null: Vec<RowId>,
    foreign: Vec<RowId>,
    uneven: Vec<RowId>,
}

impl Column {
    /// Collects the values of `kind` that `path` reaches in the rows of `source`.
    pub fn build(kind: FieldKind, path: &FieldPath, source: &dyn RowSource) -> Self {
        let mut builder = Builder {
            kind,
            collected: Collected::new(kind),
            facts: Facts::default(),
            rows: source.len(),
            row: 0,
        };
        for row in 0..source.len() {
            builder.row = row;
            let payload = source.payload(RowId(row));
            let (mut counts_one, mut counts_none, mut counts_more) = (false, false, false);
            any_reached(payload, path.steps(), &mut |value| {
                match count_of(value) {
                    0 => counts_none = true,
                    1 => counts_one = true,
                    2.. => counts_more = true,
                }
                false
            });
            any_leaf(payload, path.steps(), &mut |leaf| {
                builder.push(leaf);
                false
            });
            let row = RowId(row);
            let facts = &mut builder.facts;
            facts
                .filled
                .extend((counts_one || counts_more).then_some(row));
            facts
                .uneven
                .extend((counts_more || (counts_one && counts_none)).then_some(row));
        }
        builder.finish()
    }
}

impl<'a> Builder<'a> {
    fn push(&mut self, leaf: ValueRef<'a>) {
        let rows = if leaf.is_null() {
            &mut self.facts.null
        } else if self.collected.push(self.kind, leaf, self.row) {
            return;
        } else {
            &mut self.facts.foreign
        };
        if rows.last() != Some(&RowId(self.row)) {
            rows.push(RowId(self.row));
        }
    }

    fn finish(self) -> Column {
        let store = self.collected.into_store();
        let mut values_per_row: HashMap<u32, u32> = HashMap::new();
        for &row in store.rows() {
            *values_per_row.entry(row).or_default() += 1;
        }
        Column {
            kind: self.kind,
            rows: self.rows,
            points: values_per_row.len() as u32,
            values_max: values_per_row.into_values().max().unwrap_or(0),
            sets: self.facts.into_sets(),
            store,
        }
    }
}

impl Facts {
    fn into_sets(self) -> Sets {
        let set = |rows: Vec<RowId>| rows.into_iter().collect::<RowSet>();
        Sets {
            filled: set(self.filled),
            null: set(self.null),
            foreign: set(self.foreign),
            uneven: set(self.uneven),
        }
    }
}

impl<'a> Collected<'a> {
    fn new(kind: FieldKind) -> Self {
        match kind {
            FieldKind::Keyword => Self::Terms(HashMap::new()),
            FieldKind::Integer | FieldKind::Float | FieldKind::Bool | FieldKind::Datetime => {
                Self::Keys(Vec::new())
            }
            FieldKind::Uuid => Self::Uuids(Vec::new()),
            FieldKind::Geo => Self::Places(Vec::new()),
        }
    }

    /// Takes a value; returns whether it is of the kind.
    fn push(&mut self, kind: FieldKind, value: ValueRef<'a>, row: u32) -> bool {
        match self {
            Self::Keys(pairs) => push_some(pairs, scalar_key(kind, value).map(|key| (key, row))),
            Self::Uuids(pairs) => {
                let uuid = value.as_str().and_then(parse_uuid);
                push_some(pairs, uuid.map(|uuid| (uuid, row)))
            }
            Self::Terms(terms) => {
                let Some(text) = value.as_str() else {
                    return false;
                };
                let rows = terms.entry(text).or_default();
                if rows.last() != Some(&row) {
                    rows.push(row);
                }
                true
            }
            Self::Places(places) => {
                let point = value.as_object().and_then(geo::read_point);
                let regular = point.filter(|at| geo::is_latitude(at.lat) && at.lon.is_finite());
                let place = regular.map(|at| (key::of_float(at.lat), key::of_float(at.lon), row));
                push_some(places, place)
            }
        }
    }

    fn into_store(self) -> Store {
        match self {
            Self::Keys(pairs) => {
                let (keys, rows) = sorted(pairs).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
                Store::Keys {
                    keys: keys.into(),
                    rows: rows.into(),
                }
            }
            Self::Uuids(pairs) => {
                let (keys, rows) = sorted(pairs).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
                Store::Uuids {
                    keys: keys.into(),
                    rows: rows.into(),
                }
            }
            Self::Terms(terms) => Store::Terms(sort_terms(terms)),
            Self::Places(places) => {
                let places = sorted(places);
                let array = |of: fn(&(u64, u64, u32)) -> u64| -> Array<f64> {
                    places
                        .iter()
                        .map(|place| key::to_float(of(place)))
                        .collect()
                };
                Store::Places {
                    lats: array(|place| place.0),
                    lons: array(|place| place.1),
                    rows: places.iter().map(|place| place.2).collect(),
                }
            }
        }
    }
}

fn push_some<T>(list: &mut Vec<T>, value: Option<T>) -> bool {
    let is_some = value.is_some();
    list.extend(value);
    is_some
}

fn sorted<T: Ord>(mut pairs: Vec<T>) -> Vec<T> {
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

fn sort_terms(terms: HashMap<&str, Vec<u32>>) -> Terms {
    let mut terms: Vec<_> = terms.into_iter().collect();
    terms.sort_unstable_by_key(|&(text, _)| text);
    let mut texts = Vec::new();
    let mut all_rows = Vec::new();
    let (mut text_ends, mut row_ends) = (Vec::new(), Vec::new());
    for (text, rows) in terms {
        texts.extend_from_slice(text.as_bytes());
        all_rows.extend(rows);
        text_ends.push(texts.len() as u64);
        // More than 2^32 pairs would need a payload larger than a segment may be.
        row_ends.push(u32::try_from(all_rows.len()).expect("a segment has fewer values"));
    }
    Terms {
        texts: texts.into(),
        text_ends: text_ends.into(),
        row_ends: row_ends.into(),
        rows: all_rows.into(),
    }
}

/// The key of a value of `kind`; `None` for other values.
fn scalar_key(kind: FieldKind, value: ValueRef<'_>) -> Option<u64> {
    match kind {
        FieldKind::Integer => match value {
            ValueRef::Int(n) => Some(key::of_int(n)),
            ValueRef::Null
            | ValueRef::Bool(_)
            | ValueRef::UInt(_)
            | ValueRef::Float(_)
            | ValueRef::Str(_)
            | ValueRef::Array(_)
            | ValueRef::Object(_) => None,
        },
        FieldKind::Bool => match value {
            ValueRef::Bool(b) => Some(b.into()),
            ValueRef::Null
            | ValueRef::Int(_)
            | ValueRef::UInt(_)
            | ValueRef::Float(_)
            | ValueRef::Str(_)
            | ValueRef::Array(_)
            | ValueRef::Object(_) => None,
        },
        FieldKind::Datetime => {
            let instant = Timestamp::parse(value.as_str()?)?;
            Some(key::of_int(instant.0))
        }
        FieldKind::Float => value.as_number().filter(|x| !x.is_nan()).map(key::of_float),
        FieldKind::Keyword | FieldKind::Uuid | FieldKind::Geo => None,
    }
}
