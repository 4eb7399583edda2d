//! `order_by`: points in the order of a payload value.

use model::{Direction, FieldKind, OrderBy, Schema, StartFrom, Timestamp, Value};
use serde::Deserialize;

use crate::error::Failure;
use crate::select;

/// A path, or a path with a direction and a first value.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum OrderByInterface"
)]
pub(crate) enum WireOrderBy {
    Key(String),
    Full {
        key: String,
        #[serde(default)]
        direction: Option<WireDirection>,
        #[serde(default)]
        start_from: Option<WireStart>,
    },
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WireDirection {
    Asc,
    Desc,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum StartFrom"
)]
pub(crate) enum WireStart {
    Int(i64),
    Float(f64),
    Datetime(String),
}

impl WireOrderBy {
    /// # Errors
    /// When the path is malformed or the first value is no date.
    pub(crate) fn decode(self) -> Result<OrderBy, Failure> {
        let (key, direction, start) = match self {
            Self::Key(key) => (key, None, None),
            Self::Full {
                key,
                direction,
                start_from,
            } => (key, direction, start_from),
        };
        let direction = match direction {
            None | Some(WireDirection::Asc) => Direction::Ascending,
            Some(WireDirection::Desc) => Direction::Descending,
        };
        let start_from = match start {
            None => None,
            Some(WireStart::Int(number)) => Some(StartFrom::Int(number)),
            Some(WireStart::Float(number)) => Some(StartFrom::Float(number)),
            Some(WireStart::Datetime(text)) => match Timestamp::parse(&text) {
                Some(instant) => Some(StartFrom::Datetime(instant)),
                None => return Err(Failure::format(format_args!("`{text}` is not a date"))),
            },
        };
        Ok(OrderBy {
            path: select::path(&key)?,
            direction,
            start_from,
        })
    }
}

/// Whether `schema` has an index whose values have an order.
///
/// # Errors
/// What Qdrant says when there is none.
pub(crate) fn check_index(schema: &Schema, order_by: &OrderBy) -> Result<(), Failure> {
    let ordered = schema
        .index(&order_by.path)
        .is_some_and(|index| match index.params.kind {
            // An integer index may have been asked for without this ability.
            FieldKind::Integer => index.params.attributes.get("range") != Some(&Value::Bool(false)),
            FieldKind::Float | FieldKind::Datetime => true,
            FieldKind::Keyword
            | FieldKind::Bool
            | FieldKind::Uuid
            | FieldKind::Geo
            | FieldKind::Text => false,
        });
    if ordered {
        return Ok(());
    }
    Err(Failure::bad_request(format_args!(
        "No range index for `order_by` key: `{}`. Please create one to use `order_by`. Check \
         https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload \
         schemas support Range conditions",
        order_by.path
    )))
}
