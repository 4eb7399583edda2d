//! Points in responses: records and scored points.

use model::reply::OrderValue;
use model::{Record, ScoredPoint};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::ids::ShownId;
use crate::score::Reported;
use crate::value::ShownObject;
use crate::vectors::ShownVectors;

/// A stored point without a score.
pub(crate) struct ShownRecord<'a> {
    pub(crate) record: &'a Record,
    pub(crate) order_value: Option<OrderValue>,
}

/// A search result.
pub(crate) struct ShownScored<'a> {
    pub(crate) point: &'a ScoredPoint,
    /// How its score is told.
    pub(crate) reported: Reported,
}

fn serialize_rest<M: SerializeMap>(
    map: &mut M,
    record: &Record,
    order_value: Option<OrderValue>,
) -> Result<(), M::Error> {
    if let Some(payload) = &record.payload {
        map.serialize_entry("payload", &ShownObject(payload))?;
    }
    if let Some(vectors) = &record.vectors {
        map.serialize_entry("vector", &ShownVectors(vectors))?;
    }
    match order_value {
        None => Ok(()),
        Some(OrderValue::Int(number)) => map.serialize_entry("order_value", &number),
        Some(OrderValue::Float(number)) => map.serialize_entry("order_value", &number),
        // Dates are ordered, and shown, as microseconds.
        Some(OrderValue::Datetime(instant)) => map.serialize_entry("order_value", &instant.0),
    }
}

impl Serialize for ShownRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &ShownId(&self.record.id))?;
        serialize_rest(&mut map, self.record, self.order_value)?;
        map.end()
    }
}

impl Serialize for ShownScored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = &self.point.record;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &ShownId(&record.id))?;
        map.serialize_entry("version", &record.version)?;
        map.serialize_entry("score", &self.reported.score(self.point.score))?;
        serialize_rest(&mut map, record, self.point.order_value)?;
        map.end()
    }
}
