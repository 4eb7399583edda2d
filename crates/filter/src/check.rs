//! A test on payload values, prepared once per search.

use core::hash::Hash;
use std::sync::Arc;

use hashbrown::HashSet;
use model::filter::Range;
use model::packed::ObjectRef;
use model::{FieldKind, IndexParams, Scalar, Step, Test, Timestamp, ValueRef};
use uuid::Uuid;

use crate::geo::{self, Region};
use crate::reach::{any_leaf, any_reached};
use crate::words::{Wanted, Words};

/// A prepared [`Test`].
#[derive(Clone, Debug)]
pub(crate) enum Check<'a> {
    /// Some leaf is a member.
    In(Members<'a>),
    /// Some non-null leaf is no member.
    NotIn(Members<'a>),
    /// Some number lies in the range.
    Range(Range<f64>),
    /// Some text is a date in the range.
    DateRange(Range<Timestamp>),
    /// Some text contains one of these.
    Contains(Vec<&'a str>),
    /// The texts have tokens.
    Words(Arc<Words>),
    /// Some text begins with this.
    Prefix(&'a str),
    /// Some place lies in the region.
    Within(Region<'a>),
    /// The number of values lies in the range.
    ValuesCount(Range<u64>),
    /// Whether no value is reached but null and empty lists.
    IsEmpty(bool),
    /// Whether some leaf is null.
    IsNull(bool),
}

impl<'a> Check<'a> {
    /// Prepares `test` on a path at which the schema declares the index `declared`.
    pub(crate) fn new(test: &'a Test, declared: Option<&IndexParams>) -> Self {
        let analysis = declared.filter(|index| index.kind == FieldKind::Text);
        let words = |wanted, text| match analysis {
            Some(index) => Self::Words(Arc::new(Words::new(wanted, text, &index.text))),
            None if wanted == Wanted::Any => Self::Contains(text.split_whitespace().collect()),
            None => Self::Contains(vec![text]),
        };
        let declared = declared.map(|index| index.kind);
        match test {
            Test::Equals(scalar) => Self::In(Members::new(core::slice::from_ref(scalar), declared)),
            Test::In(scalars) => Self::In(Members::new(scalars, declared)),
            Test::NotIn(scalars) => Self::NotIn(Members::new(scalars, declared)),
            Test::Range(range) => Self::Range(*range),
            Test::DateRange(range) => Self::DateRange(*range),
            Test::Contains(text) => Self::Contains(vec![text]),
            Test::Text(text) => words(Wanted::All, text),
            Test::TextAny(text) => words(Wanted::Any, text),
            Test::Phrase(text) => words(Wanted::Phrase, text),
            Test::Prefix(text) => Self::Prefix(text),
            Test::GeoBox {
                top_left,
                bottom_right,
            } => Self::Within(Region::Box {
                top_left: *top_left,
                bottom_right: *bottom_right,
            }),
            Test::GeoRadius { center, radius_m } => Self::Within(Region::Circle {
                center: *center,
                radius_m: *radius_m,
            }),
            Test::GeoPolygon {
                exterior,
                interiors,
            } => Self::Within(Region::Polygon {
                exterior,
                interiors,
            }),
            Test::ValuesCount(range) => Self::ValuesCount(*range),
            Test::IsEmpty(flag) => Self::IsEmpty(*flag),
            Test::IsNull(flag) => Self::IsNull(*flag),
        }
    }

    /// As [`Check::new`], for a single object inside a payload, where tokens are looked for in each
    /// text on its own.
    pub(crate) fn in_object(test: &'a Test, declared: Option<&IndexParams>) -> Self {
        match Self::new(test, declared) {
            Self::Words(words) => match Arc::try_unwrap(words) {
                Ok(words) => Self::Words(Arc::new(words.in_one())),
                Err(words) => Self::Words(words),
            },
            other => other,
        }
    }

    /// Whether the values that `steps` reach in `object` pass.
    pub(crate) fn matches(&self, object: ObjectRef<'_>, steps: &[Step]) -> bool {
        match self {
            Self::ValuesCount(range) => counts_match(object, steps, range),
            Self::IsEmpty(wanted) => any_reached(object, steps, &mut fills) != *wanted,
            Self::IsNull(wanted) => any_leaf(object, steps, &mut ValueRef::is_null) == *wanted,
            Self::Words(words) => words.matches(object, steps),
            Self::In(_)
            | Self::NotIn(_)
            | Self::Range(_)
            | Self::DateRange(_)
            | Self::Contains(_)
            | Self::Prefix(_)
            | Self::Within(_) => any_leaf(object, steps, &mut |leaf| self.accepts(leaf)),
        }
    }

    /// Whether one leaf passes; the tests that are not on single leaves never accept one.
    pub(crate) fn accepts(&self, leaf: ValueRef<'_>) -> bool {
        match self {
            Self::In(members) => members.contains(leaf),
            Self::NotIn(members) => !leaf.is_null() && !members.contains(leaf),
            Self::Range(range) => leaf.as_number().is_some_and(|x| range.contains(&x)),
            Self::DateRange(range) => leaf
                .as_str()
                .and_then(Timestamp::parse)
                .is_some_and(|instant| range.contains(&instant)),
            Self::Contains(parts) => leaf
                .as_str()
                .is_some_and(|whole| parts.iter().any(|part| whole.contains(part))),
            Self::Words(words) => leaf.as_str().is_some_and(|text| words.has(text)),
            Self::Prefix(start) => leaf.as_str().is_some_and(|whole| whole.starts_with(start)),
            Self::Within(region) => leaf
                .as_object()
                .and_then(geo::read_point)
                .is_some_and(|point| region.contains(point)),
            Self::ValuesCount(_) | Self::IsEmpty(_) | Self::IsNull(_) => false,
        }
    }
}

/// The numbers of values that the reached values stand for; a path that reaches none has 0.
fn counts_match(object: ObjectRef<'_>, steps: &[Step], range: &Range<u64>) -> bool {
    let mut reached = false;
    let found = any_reached(object, steps, &mut |value| {
        reached = true;
        range.contains(&count_of(value))
    });
    found || (!reached && range.contains(&0))
}

/// How many values a reached value stands for.
pub(crate) fn count_of(value: ValueRef<'_>) -> u64 {
    match value {
        ValueRef::Null => 0,
        ValueRef::Array(array) => array.len() as u64,
        ValueRef::Bool(_)
        | ValueRef::Int(_)
        | ValueRef::UInt(_)
        | ValueRef::Float(_)
        | ValueRef::Str(_)
        | ValueRef::Object(_) => 1,
    }
}

/// Whether a reached value keeps its field from being empty: not null, not an empty list.
pub(crate) fn fills(value: ValueRef<'_>) -> bool {
    count_of(value) > 0
}

/// The 128 bits of a UUID in any of its written forms.
pub(crate) fn parse_uuid(text: &str) -> Option<u128> {
    Uuid::try_parse(text).ok().map(|uuid| uuid.as_u128())
}

/// A set of scalars, hashed by type.
#[derive(Clone, Debug)]
pub(crate) struct Members<'a> {
    pub(crate) texts: Few<&'a str>,
    pub(crate) integers: Few<i64>,
    pub(crate) bools: Few<bool>,
    /// The texts that are UUIDs, when the schema declares a UUID index at the path.
    pub(crate) uuids: Option<Few<u128>>,
}

impl<'a> Members<'a> {
    fn new(scalars: &'a [Scalar], declared: Option<FieldKind>) -> Self {
        let mut texts = Vec::new();
        let mut integers = Vec::new();
        let mut bools = Vec::new();
        for scalar in scalars {
            match scalar {
                Scalar::Str(text) => texts.push(text.as_str()),
                Scalar::Int(n) => integers.push(*n),
                Scalar::Bool(b) => bools.push(*b),
            }
        }
        let uuids = (declared == Some(FieldKind::Uuid))
            .then(|| Few::new(texts.iter().copied().filter_map(parse_uuid).collect()));
        Self {
            texts: Few::new(texts),
            integers: Few::new(integers),
            bools: Few::new(bools),
            uuids,
        }
    }

    fn contains(&self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::Bool(b) => self.bools.contains(&b),
            ValueRef::Int(n) => self.integers.contains(&n),
            ValueRef::Str(text) => {
                self.texts.contains(&text)
                    || self.uuids.as_ref().is_some_and(|uuids| {
                        !uuids.is_empty()
                            && parse_uuid(text).is_some_and(|uuid| uuids.contains(&uuid))
                    })
            }
            ValueRef::Null
            | ValueRef::UInt(_)
            | ValueRef::Float(_)
            | ValueRef::Array(_)
            | ValueRef::Object(_) => false,
        }
    }
}

/// Distinct values in ascending order, hashed when they are many.
#[derive(Clone, Debug)]
pub(crate) struct Few<T> {
    sorted: Vec<T>,
    hashed: HashSet<T>,
}

impl<T: Copy + Ord + Hash> Few<T> {
    /// Up to this many are compared one by one, which is faster than hashing.
    const LINEAR_MAX: usize = 8;

    fn new(mut values: Vec<T>) -> Self {
        values.sort_unstable();
        values.dedup();
        let hashed = if values.len() > Self::LINEAR_MAX {
            values.iter().copied().collect()
        } else {
            HashSet::new()
        };
        Self {
            sorted: values,
            hashed,
        }
    }

    fn contains(&self, value: &T) -> bool {
        if self.hashed.is_empty() {
            self.sorted.contains(value)
        } else {
            self.hashed.contains(value)
        }
    }

    /// Ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.sorted.iter().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}
