//! `order_by`: points in the order of a payload value.

use model::{Direction, OrderBy, StartFrom, Timestamp};
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
