//! Rank features: texts like `[{"sport": 1.5}, {"news": 0.5}]` give rows weights by name, and
//! searches of texts add those that they name to their scores.
//!
//! As in Infinity, a row that has one of the features is found though no word of it matches, and
//! weights are kept as 16 bits: 12 of them the fraction, so that a weight has three digits. One
//! from 0 to a quarter counts a quarter, one of 16 384 or more a little less, one below 0 nothing.

use model::{FieldPath, Record, Value};
use scalar::Fields;

use crate::error::Failure;
use crate::json::Json;
use crate::table::{Index, Place, Table};

/// The analyzer of indexes of features.
pub(crate) const ANALYZER: &str = "rankfeatures";

/// Bits of the fraction that a weight keeps.
const FRACTION_BITS: u32 = 12;

/// The bits of an `f32` that come before those, for a quarter.
const LEAST: u32 = (127 - 2) << FRACTION_BITS;

/// A feature that a search names.
#[derive(Clone, Debug)]
pub(crate) struct Feature {
    path: FieldPath,
    name: String,
    boost: f32,
}

/// Whether a full-text index is one of features and not of words.
fn is_of_features(index: &Index) -> bool {
    let analyzer = index.parameter("analyzer").unwrap_or_default();
    index.kind == "fulltext" && analyzer.eq_ignore_ascii_case(ANALYZER)
}

/// Whether words can be looked for in an index.
pub(crate) fn has_words(index: &Index) -> bool {
    index.kind == "fulltext" && !is_of_features(index)
}

/// Reads `column^name^boost,…`; a boost may be missing.
///
/// # Errors
/// 3013 for what is written otherwise and for a column without an index of features, 3024 for one
/// that does not exist.
pub(super) fn read(table: &Table, text: &str) -> Result<Vec<Feature>, Failure> {
    let wrong = |part: &str| {
        let text = format!("Invalid rank_features parameter format: {part}");
        Failure::syntax(text)
    };
    let feature = |part: &str| {
        let pieces: Vec<&str> = part.split('^').map(str::trim).collect();
        let (column, name, boost) = match pieces.as_slice() {
            [column, name] => (*column, *name, 1.0),
            [column, name, boost] => {
                let boost = boost.parse().ok().filter(|x: &f32| x.is_finite());
                (*column, *name, boost.ok_or_else(|| wrong(part))?)
            }
            _ => return Err(wrong(part)),
        };
        if name.is_empty() {
            return Err(wrong(part));
        }
        let column = table.known_column(column)?;
        let mut indexes = table.indexes.iter();
        let has_index = indexes.any(|index| index.column == column.name && is_of_features(index));
        match (&column.place, has_index) {
            (Place::Payload(path), true) => Ok(Feature {
                path: path.clone(),
                name: name.to_owned(),
                boost,
            }),
            _ => {
                let text = format!("Column \"{}\" has no index of rank features", column.name);
                Err(Failure::syntax(text))
            }
        }
    };
    text.split(',').map(feature).collect()
}

/// What the features of a row add to its score; `None` when it has none of them.
pub(super) fn score(features: &[Feature], record: &Record) -> Option<f64> {
    let payload = record.payload.as_ref()?;
    let mut total = None;
    let mut texts: Vec<(&FieldPath, Vec<(String, f32)>)> = Vec::new();
    for feature in features {
        let known = texts.iter().position(|(path, _)| *path == &feature.path);
        let at = known.unwrap_or_else(|| {
            let weights = match payload.value(&feature.path).to_value() {
                Value::Str(text) => weights(&text),
                _ => Vec::new(),
            };
            texts.push((&feature.path, weights));
            texts.len() - 1
        });
        let mut weights = texts[at].1.iter().rev();
        if let Some((_, weight)) = weights.find(|(name, _)| *name == feature.name) {
            let part = f64::from(weight * feature.boost);
            total = Some(total.unwrap_or(0.0) + part);
        }
    }
    total
}

/// The features of a text; none when it is no list of objects of numbers.
fn weights(text: &str) -> Vec<(String, f32)> {
    let Ok(Json::List(parts)) = gateway::json::read(text.as_bytes()) else {
        return Vec::new();
    };
    let objects = parts.iter().filter_map(Json::as_object);
    let weight = |(name, value): &(String, Json)| {
        let value = value.as_number()? as f32;
        Some((name.clone(), rounded(value)))
    };
    objects.flatten().filter_map(weight).collect()
}

/// A weight as an index keeps it.
fn rounded(weight: f32) -> f32 {
    if weight <= 0.0 {
        return 0.0;
    }
    let bits = weight.to_bits() >> (23 - FRACTION_BITS);
    let kept = match bits {
        ..=LEAST => 1,
        bits => (bits - LEAST).min(0xFFFF),
    };
    f32::from_bits((kept + LEAST) << (23 - FRACTION_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_keep_three_digits() {
        for exact in [0.5, 1.0, 2.0, 3.0, 0.75, 100.0, 4095.0] {
            assert!((rounded(exact) - exact).abs() < f32::EPSILON, "{exact}");
        }
        for weight in [0.8_f32, 0.3, 0.7, 12.34, 1234.5] {
            let kept = rounded(weight);
            assert!(kept <= weight && kept > weight * 0.9995, "{weight} {kept}");
        }
        assert!(rounded(0.01) > 0.25 && rounded(0.01) < 0.2502);
        assert!(rounded(0.2) < rounded(0.3));
        assert!(rounded(1e30) > 16_000.0 && rounded(1e30) < 16_384.0);
        assert!(rounded(-1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn what_is_no_list_of_features_has_none() {
        for text in ["", "x", "{\"a\":1}", "[1,\"a\"]", "[{\"a\":\"1\"}]"] {
            assert_eq!(weights(text), [], "{text}");
        }
        let found = weights(r#"[{"a":1,"b":2},{"c":0.5}]"#);
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }
}
