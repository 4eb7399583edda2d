//! The fast reader against `serde_json`: the same bodies are accepted and mean the same.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use super::{Ahead, Piece, read as read_body, reader};

/// A shape with every kind of serde type that a dialect uses.
#[derive(Deserialize, Debug, PartialEq)]
struct Shape {
    id: Option<u64>,
    vector: Option<Vec<f32>>,
    name: Option<String>,
    kind: Option<Kind>,
    #[serde(default)]
    loose: Vec<Loose>,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Plain,
    Wrapped(u8),
    Named { a: i64 },
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum Loose {
    Flag(bool),
    Number(f64),
    Text(String),
}

#[test]
fn every_kind_of_type_is_read() {
    let read = |text: &str| read_body::<Shape>(text.as_bytes());
    let full = read(
        r#" {"id": 7, "vector": [ 1, -0.5 ,2e-3], "name": "a\"\u00fc\ud83d\ude00\n",
            "kind": {"named": {"a": -3}}, "loose": [true, 1.5, "x"], "unknown": [{}, null]} "#,
    )
    .unwrap();
    assert_eq!(full.vector.unwrap(), [1.0, -0.5, 0.002]);
    assert_eq!(full.name.unwrap(), "a\"ü😀\n");
    assert_eq!(full.kind, Some(Kind::Named { a: -3 }));
    let loose = [
        Loose::Flag(true),
        Loose::Number(1.5),
        Loose::Text("x".into()),
    ];
    assert_eq!(full.loose, loose);
    assert_eq!(
        read(r#"{"kind": "plain"}"#).unwrap().kind,
        Some(Kind::Plain)
    );
    assert_eq!(
        read(r#"{"kind": {"wrapped": 3}}"#).unwrap().kind,
        Some(Kind::Wrapped(3))
    );
    assert_eq!(read(r#"{"id": null}"#).unwrap().id, None);
}

#[test]
fn errors_say_line_and_column() {
    let error = read_body::<Shape>(b"{\"id\":\n x}").unwrap_err();
    assert_eq!(error.to_string(), "expected value at line 2 column 2");
}

#[test]
fn payload_floats_come_back_to_the_bit() {
    // `serde_json` without its slow option reads the last digit of this one wrongly.
    for text in [
        "0.30000000000000004",
        "1.7976931348623157e308",
        "5e-324",
        "123.456789012345678",
    ] {
        let value: f64 = read_body(text.as_bytes()).unwrap();
        assert_eq!(
            value.to_bits(),
            text.parse::<f64>().unwrap().to_bits(),
            "{text}"
        );
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read_body::<Value>(nested(127).as_bytes()).is_ok());
    assert!(read_body::<Value>(nested(128).as_bytes()).is_err());
    assert!(read_body::<Value>(nested(100_000).as_bytes()).is_err());
}

/// Text that is JSON, or nearly.
fn nearly_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,21})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
        "[-+.0-9eE]{0,6}",
        "\"([a-zü😀 ]|\\\\[nrtbf/u\"\\\\]|\\\\u[0-9a-fD]{4}|\\\\ud83d\\\\ude0[0-9]){0,5}\"",
        "\"[\\x00-\\x7f]{0,4}\"",
        "true|false|null|tru|nul",
        Just("{}".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let comma = "( ?, ?|,|,|, |,,)?";
        let list = prop::collection::vec((inner.clone(), comma), 0..5).prop_map(|items| {
            let joined: String = items
                .into_iter()
                .map(|(item, comma)| item + &comma)
                .collect();
            format!("[{joined}]")
        });
        let fields = prop::collection::vec(("[a-c]{0,2}", inner), 0..5).prop_map(|fields| {
            let fields: Vec<_> = fields
                .iter()
                .map(|(k, v)| format!("\"{k}\" :{v}"))
                .collect();
            format!("{{{}}}", fields.join(","))
        });
        prop_oneof![list, fields]
    })
}

/// As `serde_json` would have read it, but for the last digits of floats.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| same(a, b)))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 4.0 * f64::EPSILON * a.abs() || (a - b).abs() < f64::MIN_POSITIVE
        }
        _ => a == b,
    }
}

/// Lists of one kind in an object.
#[derive(Deserialize, Debug, PartialEq)]
struct Lists<T> {
    lists: Vec<T>,
}

/// A list whose first elements are asked for in different ways.
#[derive(Debug, PartialEq)]
struct Mixed(Vec<Value>, Vec<f32>);

impl<'de> Deserialize<'de> for Mixed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> serde::de::Visitor<'de> for Elements {
            type Value = Mixed;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut of: A) -> Result<Mixed, A::Error> {
                let mut read = Mixed(Vec::new(), Vec::new());
                while let Some(number) = of.next_element()? {
                    read.1.push(number);
                    if read.1.len() == 7 {
                        read.0.extend(of.next_element::<Value>()?);
                    }
                }
                Ok(read)
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

/// Mostly decimals, and long enough to be read ahead.
fn long_list() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        30 => "-?[0-9]\\.[0-9]{1,18}",
        2 => "-?[1-9][0-9]{0,3}",
        2 => "[0-9]\\.[0-9]{1,3}[eE]-?[0-9]",
        1 => "0\\.0{30}[0-9]{1,30}",
    ];
    let odd = prop_oneof![10 => Just(""), 1 => Just("\"x\""), 1 => Just("[1.5]"), 1 => Just("1.")];
    let comma = prop_oneof![Just(","), Just(", "), Just(" ,\n")];
    (prop::collection::vec(number, 1..60), odd, comma).prop_map(|(mut numbers, odd, comma)| {
        if !odd.is_empty() {
            numbers.push(odd.to_owned());
            let last = numbers.len() - 1;
            numbers.swap(last / 2, last);
        }
        format!("[{}]", numbers.join(comma))
    })
}

fn same_read<T: serde::de::DeserializeOwned + PartialEq + core::fmt::Debug>(
    text: &str,
    ahead: &Ahead,
) -> Result<(), TestCaseError> {
    let plain = reader::read::<T>(text.as_bytes(), None);
    prop_assert_eq!(
        reader::read::<T>(text.as_bytes(), Some(ahead)),
        plain,
        "{}",
        text
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_same_bodies_are_accepted_and_mean_the_same(text in nearly_json()) {
        let theirs = serde_json::from_str::<Value>(&text);
        let ours = reader::read::<Value>(text.as_bytes(), None);
        prop_assert_eq!(ours.is_some(), theirs.is_ok(), "{}", text);
        if let (Some(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert!(same(&ours, &theirs), "{ours} {theirs}");
        }
    }

    /// Whatever was read ahead, and whatever the list is asked for as, nothing changes.
    #[test]
    fn what_was_read_ahead_makes_no_difference(
        lists in prop::collection::vec(long_list(), 0..4),
        cuts in prop::collection::vec(0.0_f64..1.0, 0..5),
    ) {
        let lists = lists.join(", ");
        let text = format!("{{\"id\":[1,2],\"lists\":[{lists}],\"s\":\"[0.5, 1.5]\"}}");
        let mut ends: Vec<usize> = cuts.iter().map(|c| (c * text.len() as f64) as usize).collect();
        ends.sort_unstable();
        ends.push(text.len());
        let mut start = 0;
        let pieces = ends.into_iter().map(|end| {
            let piece = Piece::read(&text.as_bytes()[start..end], start);
            start = end;
            piece
        });
        let ahead = Ahead::of(pieces.collect());
        same_read::<Value>(&text, &ahead)?;
        same_read::<Lists<Vec<f32>>>(&text, &ahead)?;
        same_read::<Lists<Vec<f64>>>(&text, &ahead)?;
        same_read::<Lists<(f32, f64)>>(&text, &ahead)?;
        same_read::<Lists<Vec<Option<f32>>>>(&text, &ahead)?;
        same_read::<Lists<Vec<Loose>>>(&text, &ahead)?;
        same_read::<Lists<Mixed>>(&text, &ahead)?;
    }
}
