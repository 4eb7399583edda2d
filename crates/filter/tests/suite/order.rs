//! Values in order, as ordered scrolls read them.

#![allow(clippy::unwrap_used)]

use model::reply::OrderValue;
use model::{Direction, FieldKind, StartFrom, Timestamp};
use skerry_filter::RowSource;

use crate::fixture::{Source, object};
use crate::semantics::path;

fn ordered(
    kind: FieldKind,
    payloads: &[&str],
    direction: Direction,
    start_from: Option<StartFrom>,
) -> Option<Vec<(OrderValue, u32)>> {
    let mut source = Source::new(payloads.iter().map(|text| object(text)));
    source.index("a", kind);
    let values = source.column(&path("a"))?.ordered(direction, start_from)?;
    Some(values.map(|(value, row)| (value, row.0)).collect())
}

const NUMBERS: &[&str] = &[
    r#"{"a":5}"#,
    r#"{"a":[-1,7]}"#,
    r#"{"a":"x"}"#,
    r#"{}"#,
    r#"{"a":5}"#,
    r#"{"a":2.5}"#,
];

#[test]
fn a_row_with_several_values_comes_several_times_and_one_without_not_at_all() {
    let int = OrderValue::Int;
    assert_eq!(
        ordered(FieldKind::Integer, NUMBERS, Direction::Ascending, None).unwrap(),
        [(int(-1), 1), (int(5), 0), (int(5), 4), (int(7), 1)]
    );
    assert_eq!(
        ordered(FieldKind::Integer, NUMBERS, Direction::Descending, None).unwrap(),
        [(int(7), 1), (int(5), 4), (int(5), 0), (int(-1), 1)]
    );
}

#[test]
fn the_start_is_inclusive_in_both_directions() {
    let rows = |kind, direction, start| {
        let values = ordered(kind, NUMBERS, direction, Some(start)).unwrap();
        values.into_iter().map(|(_, row)| row).collect::<Vec<_>>()
    };
    let (up, down) = (Direction::Ascending, Direction::Descending);
    assert_eq!(rows(FieldKind::Integer, up, StartFrom::Int(5)), [0, 4, 1]);
    assert_eq!(rows(FieldKind::Integer, up, StartFrom::Float(5.5)), [1]);
    assert_eq!(rows(FieldKind::Integer, down, StartFrom::Int(5)), [4, 0, 1]);
    assert_eq!(rows(FieldKind::Float, down, StartFrom::Float(2.5)), [5, 1]);
    assert_eq!(rows(FieldKind::Float, up, StartFrom::Int(5)), [0, 4, 1]);
}

#[test]
fn floats_and_dates_give_their_own_values() {
    let floats = ordered(FieldKind::Float, NUMBERS, Direction::Ascending, None).unwrap();
    assert_eq!(floats[1], (OrderValue::Float(2.5), 5));
    let dates = &[r#"{"a":"2024-01-02"}"#, r#"{"a":"2024-01-01"}"#];
    let start = Timestamp::parse("2024-01-02").unwrap();
    let from = Some(StartFrom::Datetime(start));
    assert_eq!(
        ordered(FieldKind::Datetime, dates, Direction::Ascending, from).unwrap(),
        [(OrderValue::Datetime(start), 0)]
    );
}

#[test]
fn other_kinds_have_no_order() {
    for kind in [
        FieldKind::Keyword,
        FieldKind::Bool,
        FieldKind::Uuid,
        FieldKind::Geo,
        FieldKind::Text,
    ] {
        assert_eq!(ordered(kind, NUMBERS, Direction::Ascending, None), None);
    }
}
