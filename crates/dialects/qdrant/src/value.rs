//! Payload values to and from JSON, without a tree in between.

use core::fmt;

use model::{Object, Value};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Any JSON value in a body.
#[derive(Debug)]
pub(crate) struct WireValue(pub(crate) Value);

/// A JSON object in a body.
#[derive(Debug, Default)]
pub(crate) struct WireObject(pub(crate) Object);

/// A borrowed value in a response.
pub(crate) struct Shown<'a>(pub(crate) &'a Value);

/// A borrowed object in a response.
pub(crate) struct ShownObject<'a>(pub(crate) &'a Object);

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Str(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Str(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(WireValue(element)) = elements.next_element()? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Value, A::Error> {
        read_object(fields).map(Value::Object)
    }
}

/// Objects of at most this many fields are searched for repeated names field by field.
const SMALL_FIELDS_MAX: usize = 16;

fn read_object<'de, A: MapAccess<'de>>(mut fields: A) -> Result<Object, A::Error> {
    let mut read: Vec<(Box<str>, Value)> = Vec::new();
    while let Some((name, WireValue(value))) = fields.next_entry()? {
        read.push((name, value));
    }
    if read.len() > SMALL_FIELDS_MAX {
        return Ok(read.into_iter().collect());
    }
    let mut object = Object::new();
    for (name, value) in read {
        object.insert(name, value);
    }
    Ok(object)
}

impl<'de> Deserialize<'de> for WireValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = WireObject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<WireObject, A::Error> {
        read_object(fields).map(WireObject)
    }
}

impl<'de> Deserialize<'de> for WireObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::UInt(number) => serializer.serialize_u64(*number),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Str(text) => serializer.serialize_str(text),
            Value::Array(array) => serializer.collect_seq(array.iter().map(Shown)),
            Value::Object(object) => ShownObject(object).serialize(serializer),
        }
    }
}

impl Serialize for ShownObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0.iter() {
            map.serialize_entry(name, &Shown(value))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_come_back_as_they_were_written() {
        let json = r#"{"n":null,"t":true,"i":-3,"u":18446744073709551615,"f":1.0,"s":"ü\n",
            "a":[1,[2.5],{}],"o":{"x":{"y":[]}}}"#;
        let WireObject(object) = serde_json::from_str(json).unwrap();
        assert_eq!(object.get("i"), Some(&Value::Int(-3)));
        assert_eq!(object.get("u"), Some(&Value::UInt(u64::MAX)));
        assert_eq!(object.get("f"), Some(&Value::Float(1.0)));
        let written = serde_json::to_string(&ShownObject(&object)).unwrap();
        let WireObject(again) = serde_json::from_str(&written).unwrap();
        assert_eq!(again, object);
        assert!(written.starts_with(r#"{"n":null,"t":true,"i":-3,"u":18446744073709551615"#));
    }

    #[test]
    fn the_last_of_repeated_names_wins() {
        let WireObject(object) = serde_json::from_str(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        assert_eq!(object.get("a"), Some(&Value::Int(3)));
        assert_eq!(object.len(), 2);
    }
}
