//! Point ids on the wire: an unsigned integer or a UUID.

use core::fmt;

use model::PointId;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};
use uuid::Uuid;

use crate::error::Failure;

/// A point id in a body.
#[derive(Debug, PartialEq)]
pub(crate) struct WireId(pub(crate) PointId);

/// A borrowed point id in a response.
pub(crate) struct ShownId<'a>(pub(crate) &'a PointId);

/// The ids of a list.
pub(crate) fn decode(ids: Vec<WireId>) -> Vec<PointId> {
    ids.into_iter().map(|id| id.0).collect()
}

/// The id in a URL, where a number is written without quotes like everything else.
pub(crate) fn decode_path(text: &str) -> Result<PointId, Failure> {
    if let Ok(number) = text.parse::<u64>() {
        return Ok(PointId::Num(number));
    }
    parse_uuid(text).ok_or_else(|| {
        Failure::wrong_input(format_args!("Can not recognize \"{text}\" as point id"))
    })
}

/// Hyphenated, 32 digits, `urn:uuid:` or braced.
pub(crate) fn parse_uuid(text: &str) -> Option<PointId> {
    Uuid::try_parse(text)
        .ok()
        .map(|uuid| PointId::Uuid(uuid.into_bytes()))
}

struct IdVisitor;

/// What Qdrant says of anything else.
fn not_an_id<E: Error>(value: &dyn fmt::Display) -> E {
    E::custom(format_args!(
        "value {value} is not a valid point ID, valid values are either an unsigned integer or a \
         UUID"
    ))
}

impl Visitor<'_> for IdVisitor {
    type Value = WireId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a point ID, either an unsigned integer or a UUID")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<WireId, E> {
        Ok(WireId(PointId::Num(number)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<WireId, E> {
        match u64::try_from(number) {
            Ok(number) => Ok(WireId(PointId::Num(number))),
            Err(_) => Err(not_an_id(&number)),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<WireId, E> {
        Err(not_an_id(&number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WireId, E> {
        parse_uuid(text)
            .map(WireId)
            .ok_or_else(|| not_an_id(&format_args!("{text:?}")))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<WireId, E> {
        Err(not_an_id(&value))
    }

    fn visit_unit<E: Error>(self) -> Result<WireId, E> {
        Err(E::invalid_type(Unexpected::Unit, &self))
    }
}

impl<'de> Deserialize<'de> for WireId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

impl Serialize for ShownId<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            PointId::Num(number) => serializer.serialize_u64(*number),
            PointId::Uuid(bytes) => {
                let mut buffer = Uuid::encode_buffer();
                let text = Uuid::from_bytes(*bytes)
                    .hyphenated()
                    .encode_lower(&mut buffer);
                serializer.serialize_str(text)
            }
            PointId::Text(text) => Err(S::Error::custom(format_args!(
                "the point id {text:?} is text, which this interface cannot show"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn decode(json: &str) -> Result<PointId, String> {
        serde_json::from_str::<WireId>(json)
            .map(|id| id.0)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn every_written_form_of_a_uuid_is_shown_hyphenated() {
        for text in [
            "550e8400-e29b-41d4-a716-446655440000",
            "550E8400E29B41D4A716446655440000",
            "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
            "{550e8400-e29b-41d4-a716-446655440000}",
        ] {
            let id = decode(&format!("{text:?}")).unwrap();
            let shown = serde_json::to_string(&ShownId(&id)).unwrap();
            assert_eq!(shown, "\"550e8400-e29b-41d4-a716-446655440000\"");
        }
    }

    #[test]
    fn what_is_no_id_is_named() {
        for json in [
            "-1",
            "1.5",
            "\"7\"",
            "\"abc\"",
            "true",
            "18446744073709551616",
        ] {
            let message = decode(json).unwrap_err();
            assert!(
                message.contains("is not a valid point ID"),
                "{json}: {message}"
            );
        }
        assert_eq!(decode("18446744073709551615"), Ok(PointId::Num(u64::MAX)));
    }

    #[test]
    fn a_number_in_a_path_is_an_id() {
        assert_eq!(decode_path("7").unwrap(), PointId::Num(7));
        let failure = decode_path("x").unwrap_err();
        assert_eq!(
            failure.text,
            "Wrong input: Can not recognize \"x\" as point id"
        );
    }

    #[test]
    fn text_ids_of_other_dialects_are_refused_and_not_guessed() {
        assert!(serde_json::to_string(&ShownId(&PointId::Text("a".into()))).is_err());
    }
}
