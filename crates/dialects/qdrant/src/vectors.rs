//! Vectors on the wire: a list, a list of lists, an object of named ones.

use core::fmt;

use gateway::json;
use model::{MultiVector, NamedVectors, SparseVector, Vector, VectorName};
use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::error::Failure;
use crate::inference::{InferenceFields, WireInference};
use crate::request::BODY;

/// One vector in a body.
#[derive(Debug, PartialEq)]
pub(crate) enum WireVector {
    Dense(Vec<f32>),
    Multi(Vec<Vec<f32>>),
    Sparse {
        indices: Vec<u32>,
        values: Vec<f32>,
    },
    /// A text, an image or another object that a model should embed.
    Inference(Box<WireInference>),
}

/// The vectors of one point in a body.
#[derive(Debug, PartialEq)]
pub(crate) enum WireVectors {
    /// The unnamed one.
    Unnamed(WireVector),
    /// By name.
    Named(Vec<(String, WireVector)>),
}

impl WireVector {
    /// # Errors
    /// When the vector is malformed or would have to be computed by a model.
    pub(crate) fn decode(self) -> Result<Vector, Failure> {
        match self {
            Self::Dense(values) => Ok(Vector::Dense(values)),
            Self::Multi(rows) => decode_rows(rows),
            Self::Sparse { indices, values } => decode_sparse(indices, values),
            Self::Inference(object) => Ok(Vector::Sparse(object.stored()?)),
        }
    }

    /// As [`WireVector::decode`], for a vector to be compared with.
    pub(crate) fn decode_query(self) -> Result<Vector, Failure> {
        match self {
            Self::Inference(object) => Ok(Vector::Sparse(object.asked()?)),
            Self::Dense(_) | Self::Multi(_) | Self::Sparse { .. } => self.decode(),
        }
    }
}

fn invalid(field: &str, text: impl fmt::Display) -> Failure {
    Failure::validation(BODY, format_args!("vector.{field}"), text)
}

fn decode_rows(rows: Vec<Vec<f32>>) -> Result<Vector, Failure> {
    let dim = rows.first().map_or(0, Vec::len);
    if rows.iter().any(Vec::is_empty) {
        return Err(invalid("data", "all rows of a vector must have components"));
    }
    if let Some(row) = rows.iter().find(|row| row.len() != dim) {
        let text = format!(
            "all rows of a vector must have the same length, the first has {dim} components, \
             another {}",
            row.len()
        );
        return Err(invalid("data", text));
    }
    Ok(Vector::Multi(MultiVector::new(dim, rows.concat())?))
}

fn decode_sparse(indices: Vec<u32>, values: Vec<f32>) -> Result<Vector, Failure> {
    if indices.len() != values.len() {
        return Err(invalid("values", "must be the same length as indices"));
    }
    let mut sorted = indices.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(invalid("indices", "must be unique"));
    }
    Ok(Vector::Sparse(SparseVector::new(indices, values)?))
}

impl WireVectors {
    /// # Errors
    /// When one of them is malformed.
    pub(crate) fn decode(self) -> Result<NamedVectors, Failure> {
        match self {
            Self::Unnamed(vector) => Ok(vec![(VectorName::default(), vector.decode()?)]),
            Self::Named(vectors) => vectors
                .into_iter()
                .map(|(name, vector)| Ok((VectorName::new(name)?, vector.decode()?)))
                .collect(),
        }
    }
}

/// A number that has a finite `f32` nearest to it.
fn finite<E: Error>(value: f32) -> Result<f32, E> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(E::custom("number out of range of a 32-bit float"))
    }
}

/// Elements read at once before more room is made: lengths are not announced in JSON, and vectors
/// of one request are mostly of one length.
const ROOM: usize = 384;

/// Reads the rest of a list of numbers behind `first`.
fn read_numbers<'de, A: SeqAccess<'de>>(
    first: Option<f32>,
    elements: &mut A,
) -> Result<Vec<f32>, A::Error> {
    let mut numbers = Vec::with_capacity(ROOM);
    numbers.extend(first);
    while let Some(number) = elements.next_element::<f32>()? {
        numbers.push(number);
    }
    all_finite(&numbers)?;
    if numbers.len() < ROOM {
        numbers.shrink_to_fit();
    }
    Ok(numbers)
}

/// A list of numbers that was read at once.
fn all_numbers<E: Error>(bytes: &[u8]) -> Result<Vec<f32>, E> {
    let numbers = json::numbers(bytes);
    all_finite(&numbers)?;
    Ok(numbers)
}

fn all_finite<E: Error>(numbers: &[f32]) -> Result<(), E> {
    // One pass at the end is cheaper than a branch per number.
    match numbers.iter().find(|number| !number.is_finite()) {
        Some(number) => finite(*number).map(|_| ()),
        None => Ok(()),
    }
}

/// The first element of a list decides what the list is.
enum Element {
    Number(f32),
    Row(Vec<f32>),
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list of numbers")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Element, E> {
        Ok(Element::Number(number as f32))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Element, E> {
        Ok(Element::Number(number as f32))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Element, E> {
        Ok(Element::Number(number as f32))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Element, A::Error> {
        read_numbers(None, &mut elements).map(Element::Row)
    }

    fn visit_bytes<E: Error>(self, row: &[u8]) -> Result<Element, E> {
        all_numbers(row).map(Element::Row)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, of: D) -> Result<Element, D::Error> {
        of.deserialize_any(self)
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(json::NUMBERS, ElementVisitor)
    }
}

/// A list of numbers.
pub(crate) struct Numbers(pub(crate) Vec<f32>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumbersVisitor;
        impl<'de> Visitor<'de> for NumbersVisitor {
            type Value = Numbers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Numbers, A::Error> {
                read_numbers(None, &mut elements).map(Numbers)
            }
        }
        deserializer.deserialize_seq(NumbersVisitor)
    }
}

/// Reads a list: numbers, or rows of numbers.
pub(crate) fn read_list<'de, A: SeqAccess<'de>>(mut elements: A) -> Result<WireVector, A::Error> {
    match elements.next_element::<Element>()? {
        None => Ok(WireVector::Dense(Vec::new())),
        Some(Element::Number(first)) => {
            read_numbers(Some(first), &mut elements).map(WireVector::Dense)
        }
        Some(Element::Row(first)) => {
            let mut rows = vec![first];
            while let Some(Numbers(row)) = elements.next_element()? {
                rows.push(row);
            }
            Ok(WireVector::Multi(rows))
        }
    }
}

struct VectorVisitor;

impl<'de> Visitor<'de> for VectorVisitor {
    type Value = WireVector;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vector: a list of numbers, a list of lists, or {indices, values}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<WireVector, A::Error> {
        read_list(elements)
    }

    fn visit_bytes<E: Error>(self, components: &[u8]) -> Result<WireVector, E> {
        all_numbers(components).map(WireVector::Dense)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, of: D) -> Result<WireVector, D::Error> {
        of.deserialize_any(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<WireVector, A::Error> {
        let (mut indices, mut values) = (None, None);
        let mut inference = InferenceFields::default();
        while let Some(name) = fields.next_key::<String>()? {
            match &*name {
                "indices" => indices = Some(fields.next_value::<Vec<u32>>()?),
                "values" => values = Some(fields.next_value::<Numbers>()?.0),
                name => {
                    if !inference.read(name, &mut fields)? {
                        fields.next_value::<IgnoredAny>()?;
                    }
                }
            }
        }
        match (indices, values) {
            (Some(indices), Some(values)) => Ok(WireVector::Sparse { indices, values }),
            (None, None) => Ok(WireVector::Inference(Box::new(inference.finish()?))),
            (None, Some(_)) => Err(A::Error::missing_field("indices")),
            (Some(_), None) => Err(A::Error::missing_field("values")),
        }
    }
}

impl<'de> Deserialize<'de> for WireVector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(json::NUMBERS, VectorVisitor)
    }
}

/// A field of an object of vectors, or the mark of an object to be embedded: `{"text": "…"}`.
enum NamedOrMark {
    Vector(WireVector),
    Mark(String),
}

struct NamedVisitor;

impl<'de> Visitor<'de> for NamedVisitor {
    type Value = NamedOrMark;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        VectorVisitor.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<NamedOrMark, A::Error> {
        read_list(elements).map(NamedOrMark::Vector)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<NamedOrMark, A::Error> {
        VectorVisitor.visit_map(fields).map(NamedOrMark::Vector)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<NamedOrMark, E> {
        Ok(NamedOrMark::Mark(text.to_owned()))
    }
}

impl<'de> DeserializeSeed<'de> for NamedVisitor {
    type Value = NamedOrMark;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<NamedOrMark, D::Error> {
        deserializer.deserialize_any(self)
    }
}

struct VectorsVisitor;

impl<'de> Visitor<'de> for VectorsVisitor {
    type Value = WireVectors;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vector or an object of named vectors")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<WireVectors, A::Error> {
        read_list(elements).map(WireVectors::Unnamed)
    }

    fn visit_bytes<E: Error>(self, components: &[u8]) -> Result<WireVectors, E> {
        let components = all_numbers(components)?;
        Ok(WireVectors::Unnamed(WireVector::Dense(components)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, of: D) -> Result<WireVectors, D::Error> {
        of.deserialize_any(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<WireVectors, A::Error> {
        let mut named: Vec<(String, WireVector)> = Vec::new();
        let mut inference = InferenceFields::default();
        // Vectors may have the names of parts of an object to be embedded; which it is shows later.
        let mut undecided: Vec<(String, serde_json::Value)> = Vec::new();
        while let Some(name) = fields.next_key::<String>()? {
            if matches!(&*name, "options" | "object" | "image") {
                undecided.push((name, fields.next_value()?));
                continue;
            }
            match fields.next_value_seed(NamedVisitor)? {
                NamedOrMark::Vector(vector) => match named.iter_mut().find(|(n, _)| *n == name) {
                    Some((_, earlier)) => *earlier = vector,
                    None => named.push((name, vector)),
                },
                NamedOrMark::Mark(text) if inference.take(&name, &text) => {
                    for (name, value) in undecided {
                        inference.take_value(&name, value);
                    }
                    inference.read_rest(&mut fields)?;
                    let object = Box::new(inference.finish()?);
                    return Ok(WireVectors::Unnamed(WireVector::Inference(object)));
                }
                NamedOrMark::Mark(text) => {
                    return Err(A::Error::invalid_type(
                        Unexpected::Str(&text),
                        &VectorVisitor,
                    ));
                }
            }
        }
        for (name, vector) in undecided {
            let vector = WireVector::deserialize(vector).map_err(A::Error::custom)?;
            named.push((name, vector));
        }
        Ok(WireVectors::Named(named))
    }

    fn visit_unit<E: Error>(self) -> Result<WireVectors, E> {
        Err(E::invalid_type(Unexpected::Unit, &self))
    }
}

impl<'de> Deserialize<'de> for WireVectors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(json::NUMBERS, VectorsVisitor)
    }
}

struct ShownVector<'a>(&'a Vector);

/// The vectors of a point in a response: the unnamed one alone as a list, others by name.
pub(crate) struct ShownVectors<'a>(pub(crate) &'a NamedVectors);

impl Serialize for ShownVector<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Vector::Dense(values) => serializer.collect_seq(values),
            Vector::Multi(rows) => serializer.collect_seq(rows.rows()),
            Vector::Sparse(sparse) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("indices", sparse.indices())?;
                map.serialize_entry("values", sparse.values())?;
                map.end()
            }
            Vector::Binary(_) => Err(serde::ser::Error::custom(
                "a vector of bits cannot be shown by this interface",
            )),
        }
    }
}

impl Serialize for ShownVectors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [(name, vector)] if name.is_unnamed() => ShownVector(vector).serialize(serializer),
            named => serializer.collect_map(
                named
                    .iter()
                    .map(|(name, v)| (name.as_str(), ShownVector(v))),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn decode(json: &str) -> Result<WireVectors, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    #[test]
    fn bits_are_refused_and_not_guessed() {
        let bits = vec![(VectorName::default(), Vector::Binary(vec![1]))];
        let error = serde_json::to_string(&ShownVectors(&bits)).unwrap_err();
        assert!(error.to_string().contains("cannot be shown"), "{error}");
    }

    fn unnamed(vector: WireVector) -> Result<WireVectors, String> {
        Ok(WireVectors::Unnamed(vector))
    }

    #[test]
    fn every_shape_is_told_apart() {
        assert_eq!(
            decode("[1, -2, 0.5]"),
            unnamed(WireVector::Dense(vec![1.0, -2.0, 0.5]))
        );
        assert_eq!(decode("[]"), unnamed(WireVector::Dense(vec![])));
        assert_eq!(
            decode("[[1, 2], [3, 4]]"),
            unnamed(WireVector::Multi(vec![vec![1.0, 2.0], vec![3.0, 4.0]]))
        );
        assert_eq!(
            decode(r#"{"a": [1], "text": {"indices": [3], "values": [0.5]}}"#),
            Ok(WireVectors::Named(vec![
                ("a".into(), WireVector::Dense(vec![1.0])),
                (
                    "text".into(),
                    WireVector::Sparse {
                        indices: vec![3],
                        values: vec![0.5]
                    }
                ),
            ]))
        );
        for text in [
            r#"{"text": "hello", "model": "m", "options": {"k": 1}}"#,
            r#"{"options": {"k": 1}, "model": "m", "text": "hello"}"#,
            r#"{"object": {"x": 1}, "model": "m"}"#,
        ] {
            let inference = decode(text).unwrap();
            assert!(matches!(
                inference,
                WireVectors::Unnamed(WireVector::Inference(_))
            ));
            assert_eq!(decode(&format!(r#"{{"a": {text}}}"#)), {
                let WireVectors::Unnamed(vector) = inference else {
                    panic!("an object of named vectors")
                };
                Ok(WireVectors::Named(vec![("a".into(), vector)]))
            });
        }
        assert_eq!(
            decode(r#"{"options": [1]}"#),
            Ok(WireVectors::Named(vec![(
                "options".into(),
                WireVector::Dense(vec![1.0])
            )]))
        );
        assert!(decode(r#"{"text": "hello"}"#).is_err());
        assert!(decode(r#"{"a": "hello"}"#).is_err());
        assert_eq!(decode("{}"), Ok(WireVectors::Named(vec![])));
    }

    #[test]
    fn what_is_no_finite_float_is_refused() {
        for json in [
            "[1e39]",
            "[0.5, -1e39]",
            "[1e999]",
            "[NaN]",
            "[null]",
            "[\"1\"]",
            "null",
        ] {
            assert!(decode(json).is_err(), "{json}");
        }
        assert_eq!(decode("[3e38]"), unnamed(WireVector::Dense(vec![3e38])));
    }

    #[test]
    fn rows_of_unequal_length_are_refused() {
        let rows = WireVector::Multi(vec![vec![1.0], vec![1.0, 2.0]]);
        let failure = rows.decode().unwrap_err();
        assert_eq!(
            failure.text,
            "Validation error in JSON body: [vector.data: all rows of a vector must have the same \
             length, the first has 1 components, another 2]"
        );
    }
}
