//! Ids and fields on the wire: JSON values to payload values and back.

use model::{Object, PointId, Value};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::{Map, Number, Value as Json};

/// An id in a body: a number, or since 0.4 a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WireId(pub(crate) PointId);

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = WireId;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("u64 or a string")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<WireId, E> {
        Ok(WireId(PointId::Num(number)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<WireId, E> {
        let message = || E::custom(format!("invalid value: integer `{number}`, expected u64"));
        u64::try_from(number)
            .map(|number| WireId(PointId::Num(number)))
            .map_err(|_| message())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WireId, E> {
        if text.is_empty() {
            return Err(E::custom("an id cannot be an empty string"));
        }
        Ok(WireId(text_id(text)))
    }
}

impl<'de> Deserialize<'de> for WireId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

/// The id that a text is. One that is a UUID, and would be written just so, is the point that
/// other dialects know by that UUID.
pub(crate) fn text_id(text: &str) -> PointId {
    let mut bytes = [0; 16];
    let digits = text.bytes().filter(|byte| *byte != b'-');
    let mut count = 0;
    for digit in digits {
        let Some(value) = char::from(digit).to_digit(16) else {
            return PointId::Text(text.into());
        };
        if let Some(byte) = bytes.get_mut(count / 2) {
            // A hexadecimal digit is below sixteen.
            *byte = *byte << 4 | value as u8;
        }
        count += 1;
    }
    let uuid = PointId::Uuid(bytes);
    if count == 32 && uuid.to_string() == text {
        uuid
    } else {
        PointId::Text(text.into())
    }
}

/// An id in a response.
pub(crate) fn id_json(id: &PointId) -> Json {
    match id {
        PointId::Num(number) => Json::from(*number),
        PointId::Uuid(_) | PointId::Text(_) => Json::from(id.to_string()),
    }
}

/// A score or component in a response: as wide as JSON has it, none where it is no number.
pub(crate) fn float_json(x: f32) -> Json {
    Number::from_f64(f64::from(x)).map_or(Json::Null, Json::Number)
}

/// The components of a vector in a response.
pub(crate) fn floats_json(row: &[f32]) -> Json {
    Json::Array(row.iter().map(|&x| float_json(x)).collect())
}

/// Fields of a body as a payload.
pub(crate) fn object(fields: Map<String, Json>) -> Object {
    let fields = fields.into_iter();
    fields.map(|(name, field)| (name, value(field))).collect()
}

fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(n), _) => Value::Int(n),
            (None, Some(n)) => Value::UInt(n),
            // Numbers are finite in JSON.
            (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::Str(text),
        Json::Array(list) => Value::Array(list.into_iter().map(value).collect()),
        Json::Object(fields) => Value::Object(object(fields)),
    }
}

/// A payload as the fields of a response.
pub(crate) fn fields_json(payload: &Object) -> Map<String, Json> {
    let fields = payload.iter();
    fields
        .map(|(name, value)| (name.to_owned(), value_json(value)))
        .collect()
}

/// A payload value in a response.
pub(crate) fn value_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::from(*truth),
        Value::Int(n) => Json::from(*n),
        Value::UInt(n) => Json::from(*n),
        Value::Float(x) => Number::from_f64(*x).map_or(Json::Null, Json::Number),
        Value::Str(text) => Json::from(text.as_str()),
        Value::Array(list) => Json::Array(list.iter().map(value_json).collect()),
        Value::Object(fields) => Json::Object(fields_json(fields)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ids_are_numbers_or_texts_and_nothing_else() {
        let read = |text| serde_json::from_str::<WireId>(text).map(|id| id.0);
        assert_eq!(read("7").unwrap(), PointId::Num(7));
        assert_eq!(read("\"7\"").unwrap(), PointId::Text("7".into()));
        let uuid = "550e8400-e29b-41d4-a716-446655440000";
        let quoted = format!("\"{uuid}\"");
        assert!(matches!(read(&quoted).unwrap(), PointId::Uuid(_)));
        let upper = uuid.to_uppercase();
        assert_eq!(text_id(&upper), PointId::Text(upper.as_str().into()));
        for bad in ["-1", "1.5", "\"\"", "null", "[1]", "true"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fields_come_back_as_they_were() {
        let text =
            r#"{"a":1,"b":18446744073709551615,"c":-2,"d":1.5,"e":[null,{"f":"g"}],"h":true}"#;
        let fields: Map<String, Json> = serde_json::from_str(text).unwrap();
        let back = fields_json(&object(fields.clone()));
        assert_eq!(back, fields);
    }
}
