//! Collecting a column from payloads.

use hashbrown::HashMap;
use model::{FieldKind, FieldPath, IndexParams, Timestamp, ValueRef};
use rows::{RowId, RowSet};
use text::{Analyzer, PostingsBuilder};

use super::array::Array;
use super::store::{Store, Terms};
use super::{Column, Sets, analysis, key};
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
    Text {
        postings: PostingsBuilder<'a>,
        /// Rows with a token.
        points: u32,
    },
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
    /// Collects the values that an index of `params` holds of those that `path` reaches in the rows
    /// of `source`.
    pub fn build(params: &IndexParams, path: &FieldPath, source: &dyn RowSource) -> Self {
        let analyzer = Analyzer::new(&params.text);
        let mut builder = Builder {
            kind: params.kind,
            collected: Collected::new(params, &analyzer),
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
            builder.collected.finish_row(row);
            let row = RowId(row);
            let facts = &mut builder.facts;
            facts
                .filled
                .extend((counts_one || counts_more).then_some(row));
            facts
                .uneven
                .extend((counts_more || (counts_one && counts_none)).then_some(row));
        }
        builder.finish(params)
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

    fn finish(self, params: &IndexParams) -> Column {
        let token_points = match &self.collected {
            Collected::Text { points, .. } => Some(*points),
            Collected::Keys(_)
            | Collected::Uuids(_)
            | Collected::Terms(_)
            | Collected::Places(_) => None,
        };
        let store = self.collected.into_store();
        let mut values_per_row: HashMap<u32, u32> = HashMap::new();
        for &row in store.rows() {
            *values_per_row.entry(row).or_default() += 1;
        }
        let points = token_points.unwrap_or(values_per_row.len() as u32);
        let values_max = values_per_row.into_values().max();
        Column {
            kind: self.kind,
            analysis: analysis(params),
            rows: self.rows,
            points,
            // The tokens of a text are no values of their own.
            values_max: values_max.unwrap_or(points.min(1)),
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
    fn new(params: &IndexParams, analyzer: &'a Analyzer) -> Self {
        match params.kind {
            FieldKind::Keyword => Self::Terms(HashMap::new()),
            FieldKind::Integer | FieldKind::Float | FieldKind::Bool | FieldKind::Datetime => {
                Self::Keys(Vec::new())
            }
            FieldKind::Uuid => Self::Uuids(Vec::new()),
            FieldKind::Geo => Self::Places(Vec::new()),
            FieldKind::Text => Self::Text {
                postings: PostingsBuilder::new(analyzer, params.text.phrases),
                points: 0,
            },
        }
    }

    /// Ends a row.
    fn finish_row(&mut self, row: u32) {
        match self {
            Self::Text { postings, points } => *points += u32::from(postings.finish_row(row)),
            Self::Keys(_) | Self::Uuids(_) | Self::Terms(_) | Self::Places(_) => {}
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
            Self::Text { postings, .. } => {
                let text = value.as_str();
                text.inspect(|text| postings.push(text)).is_some()
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
            Self::Text { postings, .. } => Store::Text(postings.finish()),
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
        FieldKind::Keyword | FieldKind::Uuid | FieldKind::Geo | FieldKind::Text => None,
    }
}
