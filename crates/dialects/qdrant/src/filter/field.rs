//! Conditions on the values of one payload field.

use model::filter::Range;
use model::{Filter, Scalar, Test, Timestamp};
use serde::Deserialize;

use super::geo::{WireBox, WirePolygon, WireRadius};
use crate::error::Failure;
use crate::request::BODY;
use crate::select;

/// A field condition: a key and what its values must satisfy.
pub(super) struct WireField {
    pub(super) key: String,
    pub(super) r#match: Option<WireMatch>,
    pub(super) range: Option<WireRange>,
    pub(super) geo_bounding_box: Option<WireBox>,
    pub(super) geo_radius: Option<WireRadius>,
    pub(super) geo_polygon: Option<WirePolygon>,
    pub(super) values_count: Option<WireValuesCount>,
    pub(super) is_empty: Option<bool>,
    pub(super) is_null: Option<bool>,
}

/// Exactly one of these names is present.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireMatch {
    value: Option<WireScalar>,
    text: Option<String>,
    text_any: Option<String>,
    phrase: Option<String>,
    prefix: Option<String>,
    any: Option<AnyOf>,
    except: Option<AnyOf>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum Match"
)]
enum WireScalar {
    Bool(bool),
    Int(i64),
    Str(String),
}

/// All of one kind.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum Match"
)]
enum AnyOf {
    Strings(Vec<String>),
    Integers(Vec<i64>),
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum RangeInterface"
)]
enum Bound {
    Number(f64),
    Date(String),
}

/// Bounds that are all numbers or all dates.
#[derive(Deserialize)]
pub(super) struct WireRange {
    gt: Option<Bound>,
    gte: Option<Bound>,
    lt: Option<Bound>,
    lte: Option<Bound>,
}

#[derive(Deserialize)]
pub(super) struct WireValuesCount {
    gt: Option<u64>,
    gte: Option<u64>,
    lt: Option<u64>,
    lte: Option<u64>,
}

impl WireField {
    pub(super) fn decode(self, at: &str) -> Result<Filter, Failure> {
        let path = select::path(&self.key)?;
        let field = |test| Filter::Field {
            path: path.clone(),
            test,
        };
        let mut parts = Vec::new();
        if let Some(wanted) = self.r#match {
            parts.push(field(wanted.decode()?));
        }
        if let Some(range) = self.range {
            parts.push(field(range.decode()?));
        }
        if let Some(geo) = self.geo_bounding_box {
            parts.push(field(geo.decode()?));
        }
        if let Some(geo) = self.geo_radius {
            parts.push(field(geo.decode()?));
        }
        if let Some(geo) = self.geo_polygon {
            parts.push(field(geo.decode()?));
        }
        if let Some(WireValuesCount { gt, gte, lt, lte }) = self.values_count {
            parts.push(field(Test::ValuesCount(Range { gt, gte, lt, lte })));
        }
        parts.extend(self.is_empty.map(|flag| field(Test::IsEmpty(flag))));
        parts.extend(self.is_null.map(|flag| field(Test::IsNull(flag))));
        if parts.is_empty() {
            let text = "At least one field condition must be specified";
            return Err(Failure::validation(BODY, at, text));
        }
        // Several tests of one condition are alternatives; `must` is how one asks for all.
        Ok(alternatives(parts))
    }
}

fn alternatives(mut parts: Vec<Filter>) -> Filter {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        Filter::Any(parts)
    }
}

impl WireMatch {
    fn decode(self) -> Result<Test, Failure> {
        let present = [
            self.value.is_some(),
            self.text.is_some(),
            self.text_any.is_some(),
            self.phrase.is_some(),
            self.prefix.is_some(),
            self.any.is_some(),
            self.except.is_some(),
        ];
        if present.iter().filter(|present| **present).count() != 1 {
            return Err(no_match());
        }
        let scalar = self.value.map(|value| Test::Equals(value.decode()));
        let text = self.text.map(Test::Text);
        let text_any = self.text_any.map(Test::TextAny);
        let phrase = self.phrase.map(Test::Phrase);
        let prefix = self.prefix.map(Test::Prefix);
        let any = self.any.map(|any| Test::In(any.decode()));
        let except = self.except.map(|except| Test::NotIn(except.decode()));
        let texts = text.or(text_any).or(phrase).or(prefix);
        let one = scalar.or(texts).or(any).or(except);
        one.ok_or_else(no_match)
    }
}

impl WireScalar {
    fn decode(self) -> Scalar {
        match self {
            Self::Bool(value) => Scalar::Bool(value),
            Self::Int(number) => Scalar::Int(number),
            Self::Str(text) => Scalar::Str(text),
        }
    }
}

impl AnyOf {
    fn decode(self) -> Vec<Scalar> {
        match self {
            Self::Strings(texts) => texts.into_iter().map(Scalar::Str).collect(),
            Self::Integers(numbers) => numbers.into_iter().map(Scalar::Int).collect(),
        }
    }
}

impl WireRange {
    fn decode(self) -> Result<Test, Failure> {
        let bounds = [&self.gt, &self.gte, &self.lt, &self.lte];
        let dates = bounds
            .iter()
            .any(|bound| matches!(bound, Some(Bound::Date(_))));
        if dates {
            let date = |bound: Option<Bound>| match bound {
                None => Ok(None),
                Some(Bound::Date(text)) => match Timestamp::parse(&text) {
                    Some(instant) => Ok(Some(instant)),
                    None => Err(no_range()),
                },
                Some(Bound::Number(_)) => Err(no_range()),
            };
            return Ok(Test::DateRange(Range {
                gt: date(self.gt)?,
                gte: date(self.gte)?,
                lt: date(self.lt)?,
                lte: date(self.lte)?,
            }));
        }
        let number = |bound: Option<Bound>| match bound {
            Some(Bound::Number(number)) => Some(number),
            Some(Bound::Date(_)) | None => None,
        };
        Ok(Test::Range(Range {
            gt: number(self.gt),
            gte: number(self.gte),
            lt: number(self.lt),
            lte: number(self.lte),
        }))
    }
}

fn no_match() -> Failure {
    Failure::format("data did not match any variant of untagged enum Match")
}

fn no_range() -> Failure {
    Failure::format("data did not match any variant of untagged enum RangeInterface")
}
