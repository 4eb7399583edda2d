//! The clauses of a filter, and the kinds of conditions in them.

use model::{Filter, Object, VectorName};
use serde::Deserialize;

use super::field::{WireField, WireMatch, WireRange, WireValuesCount};
use super::geo::{WireBox, WirePolygon, WireRadius};
use crate::error::Failure;
use crate::ids::{self, WireId};
use crate::list::OneOrMany;
use crate::request::BODY;
use crate::select;
use crate::value::ShownObject;

/// A filter in a body. An unknown name is an error: a condition that is silently dropped would
/// match, or delete, too much.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireFilter {
    should: Option<OneOrMany<WireCondition>>,
    min_should: Option<WireMinShould>,
    must: Option<OneOrMany<WireCondition>>,
    must_not: Option<OneOrMany<WireCondition>>,
}

#[derive(Deserialize)]
struct WireMinShould {
    conditions: Vec<WireCondition>,
    min_count: usize,
}

/// `is_empty` and `is_null` are a flag beside a key, or a condition of their own with the key
/// inside.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum Condition"
)]
enum FlagOrKey {
    Flag(bool),
    Key { key: String },
}

#[derive(Deserialize)]
struct WireNested {
    key: String,
    filter: WireFilter,
}

#[derive(Deserialize)]
struct WireSlice {
    total: u32,
    index: u32,
}

/// Any kind of condition; which one it is shows in the names that are present.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireCondition {
    key: Option<String>,
    r#match: Option<WireMatch>,
    range: Option<WireRange>,
    geo_bounding_box: Option<WireBox>,
    geo_radius: Option<WireRadius>,
    geo_polygon: Option<WirePolygon>,
    values_count: Option<WireValuesCount>,
    is_empty: Option<FlagOrKey>,
    is_null: Option<FlagOrKey>,
    has_id: Option<Vec<WireId>>,
    has_vector: Option<String>,
    slice: Option<WireSlice>,
    nested: Option<Box<WireNested>>,
    should: Option<OneOrMany<WireCondition>>,
    min_should: Option<WireMinShould>,
    must: Option<OneOrMany<WireCondition>>,
    must_not: Option<OneOrMany<WireCondition>>,
}

impl WireFilter {
    /// `at` is the path of the filter in the body, for validation errors.
    ///
    /// # Errors
    /// When a condition says nothing, contradicts itself or names a malformed path.
    pub(crate) fn decode(self, at: &str) -> Result<Filter, Failure> {
        let mut parts = Vec::new();
        if let Some(OneOrMany(must)) = self.must {
            parts.extend(decode_all(must, &format!("{at}.must"))?);
        }
        if let Some(OneOrMany(must_not)) = self.must_not {
            let none = decode_all(must_not, &format!("{at}.must_not"))?;
            parts.extend(none.into_iter().map(|one| Filter::Not(Box::new(one))));
        }
        // An empty `should` asks for nothing, although at least one of none cannot hold.
        if let Some(OneOrMany(should)) = self.should.filter(|should| !should.0.is_empty()) {
            parts.push(Filter::Any(decode_all(should, &format!("{at}.should"))?));
        }
        if let Some(min_should) = self.min_should {
            if min_should.min_count == 0 {
                let field = format!("{at}.min_should.min_count");
                return Err(Failure::validation(
                    BODY,
                    field,
                    "value 0 invalid, must be 1 or larger",
                ));
            }
            let of = decode_all(
                min_should.conditions,
                &format!("{at}.min_should.conditions"),
            )?;
            parts.push(Filter::AtLeast {
                count: min_should.min_count,
                of,
            });
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Filter::All(parts)
        })
    }

    /// The filter of a request that may have none.
    pub(crate) fn decode_optional(this: Option<Self>) -> Result<Option<Filter>, Failure> {
        this.map(|filter| filter.decode("filter")).transpose()
    }
}

/// The condition that a JSON object is.
///
/// # Errors
/// When it is none, contradicts itself or names a malformed path.
pub(crate) fn condition(object: &Object) -> Result<Filter, Failure> {
    let json = serde_json::to_vec(&ShownObject(object)).map_err(|_| no_condition())?;
    let condition: WireCondition = serde_json::from_slice(&json).map_err(|_| no_condition())?;
    condition.decode("condition")
}

fn decode_all(conditions: Vec<WireCondition>, at: &str) -> Result<Vec<Filter>, Failure> {
    let decode =
        |(index, condition): (usize, WireCondition)| condition.decode(&format!("{at}[{index}]"));
    conditions.into_iter().enumerate().map(decode).collect()
}

/// What Qdrant says of an object that is no condition.
fn no_condition() -> Failure {
    Failure::format("data did not match any variant of untagged enum Condition")
}

impl WireCondition {
    fn decode(self, at: &str) -> Result<Filter, Failure> {
        if self.key.is_some() {
            return self.decode_field(at);
        }
        if self.tests_values() {
            return Err(no_condition());
        }
        if let Some(FlagOrKey::Key { key }) = self.is_empty {
            return Ok(Filter::Field {
                path: select::path(&key)?,
                test: model::Test::IsEmpty(true),
            });
        }
        if let Some(FlagOrKey::Key { key }) = self.is_null {
            return Ok(Filter::Field {
                path: select::path(&key)?,
                test: model::Test::IsNull(true),
            });
        }
        if let Some(ids) = self.has_id {
            return Ok(Filter::HasId(ids::decode(ids)));
        }
        if let Some(name) = self.has_vector {
            return Ok(Filter::HasVector(VectorName::new(name)?));
        }
        if let Some(WireSlice { total, index }) = self.slice {
            if total == 0 {
                let text = "value 0 invalid, must be 1 or larger";
                return Err(Failure::validation(BODY, format!("{at}.slice.total"), text));
            }
            if index >= total {
                let text = format!("value {index} invalid, must be smaller than {total}");
                return Err(Failure::validation(BODY, format!("{at}.slice.index"), text));
            }
            return Ok(Filter::Slice { total, index });
        }
        if let Some(nested) = self.nested {
            let path = select::path(&nested.key)?.each();
            let filter = nested.filter.decode(&format!("{at}.nested.filter"))?;
            return Ok(Filter::Nested {
                path,
                filter: Box::new(filter),
            });
        }
        let Self {
            should,
            min_should,
            must,
            must_not,
            ..
        } = self;
        WireFilter {
            should,
            min_should,
            must,
            must_not,
        }
        .decode(at)
    }

    /// Whether there is a test that needs a key.
    fn tests_values(&self) -> bool {
        let flag = |flag: &Option<FlagOrKey>| matches!(flag, Some(FlagOrKey::Flag(_)));
        self.r#match.is_some()
            || self.range.is_some()
            || self.geo_bounding_box.is_some()
            || self.geo_radius.is_some()
            || self.geo_polygon.is_some()
            || self.values_count.is_some()
            || flag(&self.is_empty)
            || flag(&self.is_null)
    }

    fn decode_field(self, at: &str) -> Result<Filter, Failure> {
        let flag = |flag: Option<FlagOrKey>| match flag {
            None => Ok(None),
            Some(FlagOrKey::Flag(flag)) => Ok(Some(flag)),
            Some(FlagOrKey::Key { .. }) => Err(no_condition()),
        };
        WireField {
            key: self.key.unwrap_or_default(),
            r#match: self.r#match,
            range: self.range,
            geo_bounding_box: self.geo_bounding_box,
            geo_radius: self.geo_radius,
            geo_polygon: self.geo_polygon,
            values_count: self.values_count,
            is_empty: flag(self.is_empty)?,
            is_null: flag(self.is_null)?,
        }
        .decode(at)
    }
}
