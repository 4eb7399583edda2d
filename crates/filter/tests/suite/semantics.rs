//! What each condition means: every case runs without a column and with a column of every kind,
//! row by row and as a set, because a filter must mean the same on every plan.

#![allow(clippy::unwrap_used)]

use model::filter::Range;
use model::{FieldKind, FieldPath, Filter, GeoPoint, PointId, Scalar, Test, Timestamp, VectorName};
use rows::{RowId, RowSet};
use skerry_filter::compile;

use crate::fixture::{Source, object};

pub(crate) const KINDS: [FieldKind; 8] = [
    FieldKind::Keyword,
    FieldKind::Integer,
    FieldKind::Float,
    FieldKind::Bool,
    FieldKind::Datetime,
    FieldKind::Uuid,
    FieldKind::Geo,
    FieldKind::Text,
];

/// The rows that match, found in every way, which must agree; the estimate must hold.
pub(crate) fn matching(source: &Source, filter: &Filter) -> Vec<u32> {
    use skerry_filter::RowSource;
    let compiled = compile(filter, source);
    let all = 0..source.len();
    let one_by_one = || {
        all.clone()
            .filter(|&row| compiled.matches(RowId(row)))
            .collect()
    };
    let found: Vec<u32> = one_by_one();
    for _ in 0..20 {
        assert_eq!(found, one_by_one(), "after more visits: {filter:?}");
    }
    let fresh = compile(filter, source);
    let set: Vec<u32> = fresh.rows(None).iter().map(|row| row.0).collect();
    assert_eq!(found, set, "as a set: {filter:?}");
    let third: RowSet = all.filter(|row| row % 3 != 1).map(RowId).collect();
    let among: Vec<u32> = fresh.rows(Some(&third)).iter().map(|row| row.0).collect();
    let expected: Vec<u32> = found.iter().copied().filter(|row| row % 3 != 1).collect();
    assert_eq!(expected, among, "among some: {filter:?}");
    let estimate = fresh.estimate();
    let truth = found.len() as u64;
    assert!(
        estimate.min <= truth && truth <= estimate.max,
        "{truth} outside {estimate:?}: {filter:?}"
    );
    assert!(estimate.min <= estimate.expected && estimate.expected <= estimate.max);
    found
}

pub(crate) fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

pub(crate) fn field(at: &str, test: Test) -> Filter {
    Filter::Field {
        path: path(at),
        test,
    }
}

/// Asserts which of `payloads` match, on every plan.
fn check(payloads: &[&str], at: &str, test: Test, expected: &[u32]) {
    check_filter(payloads, at, &field(at, test), expected);
}

pub(crate) fn check_filter(payloads: &[&str], indexed: &str, filter: &Filter, expected: &[u32]) {
    let mut source = Source::new(payloads.iter().map(|text| object(text)));
    assert_eq!(
        matching(&source, filter),
        expected,
        "without a column: {filter:?}"
    );
    for kind in KINDS {
        source.index(indexed, kind);
        assert_eq!(
            matching(&source, filter),
            expected,
            "column {kind:?}: {filter:?}"
        );
    }
}

pub(crate) fn text(text: &str) -> Scalar {
    Scalar::Str(text.into())
}

fn texts(all: &[&str]) -> Vec<Scalar> {
    all.iter().map(|one| text(one)).collect()
}

const ANYTHING: &[&str] = &[
    r#"{"a":"x"}"#,
    r#"{"a":3}"#,
    r#"{"a":3.0}"#,
    r#"{"a":true}"#,
    r#"{"a":null}"#,
    r#"{"a":[]}"#,
    r#"{}"#,
    r#"{"a":["x",3]}"#,
    r#"{"a":[["x"]]}"#,
    r#"{"a":[null]}"#,
    r#"{"a":{"b":"x"}}"#,
    r#"{"a":18446744073709551615}"#,
];

#[test]
fn equality_is_without_conversion_and_one_level_into_lists() {
    check(ANYTHING, "a", Test::Equals(text("x")), &[0, 7]);
    check(ANYTHING, "a", Test::Equals(Scalar::Int(3)), &[1, 7]);
    check(ANYTHING, "a", Test::Equals(Scalar::Bool(true)), &[3]);
    check(ANYTHING, "a", Test::Equals(Scalar::Int(-1)), &[]);
    check(ANYTHING, "a[]", Test::Equals(text("x")), &[7, 8]);
    check(ANYTHING, "a[0]", Test::Equals(text("x")), &[7, 8]);
    check(ANYTHING, "a.b", Test::Equals(text("x")), &[10]);
}

#[test]
fn paths_enter_lists_only_where_they_say_so() {
    let payloads = &[r#"{"a":[{"b":1},{"b":[2,3]}]}"#, r#"{"a":{"b":1}}"#];
    check(payloads, "a.b", Test::Equals(Scalar::Int(1)), &[1]);
    check(payloads, "a[].b", Test::Equals(Scalar::Int(1)), &[0]);
    check(payloads, "a[].b", Test::Equals(Scalar::Int(3)), &[0]);
    check(payloads, "a[1].b", Test::Equals(Scalar::Int(3)), &[0]);
    check(payloads, "a[2].b", Test::Equals(Scalar::Int(3)), &[]);
}

#[test]
fn lists_of_members() {
    check(ANYTHING, "a", Test::In(texts(&["y", "x"])), &[0, 7]);
    check(
        ANYTHING,
        "a",
        Test::In(vec![Scalar::Int(3), text("x")]),
        &[0, 1, 7],
    );
    check(ANYTHING, "a", Test::In(vec![]), &[]);
    let many: Vec<Scalar> = (0..40).map(Scalar::Int).collect();
    check(ANYTHING, "a", Test::In(many), &[1, 7]);
}

#[test]
fn a_non_member_must_be_present_and_not_null() {
    check(
        ANYTHING,
        "a",
        Test::NotIn(vec![]),
        &[0, 1, 2, 3, 7, 8, 10, 11],
    );
    check(
        ANYTHING,
        "a",
        Test::NotIn(texts(&["x"])),
        &[1, 2, 3, 7, 8, 10, 11],
    );
    let three = vec![Scalar::Int(3)];
    check(ANYTHING, "a", Test::NotIn(three), &[0, 2, 3, 7, 8, 10, 11]);
    let both = vec![Scalar::Int(3), text("x")];
    check(ANYTHING, "a", Test::NotIn(both), &[2, 3, 8, 10, 11]);
}

#[test]
fn ranges_take_every_number_and_nothing_else() {
    let range = |gt, gte, lt, lte| Test::Range(Range { gt, gte, lt, lte });
    check(
        ANYTHING,
        "a",
        range(None, Some(3.0), None, Some(3.0)),
        &[1, 2, 7],
    );
    check(ANYTHING, "a", range(Some(3.0), None, None, None), &[11]);
    check(ANYTHING, "a", range(None, None, Some(3.0), None), &[]);
    check(ANYTHING, "a", range(None, None, None, None), &[1, 2, 7, 11]);
    check(ANYTHING, "a", range(Some(5.0), None, Some(1.0), None), &[]);
    check(ANYTHING, "a", range(Some(f64::NAN), None, None, None), &[]);
    let numbers = &[
        r#"{"a":-0.0}"#,
        r#"{"a":0}"#,
        r#"{"a":-1}"#,
        r#"{"a":[-5,5]}"#,
    ];
    check(numbers, "a", range(None, Some(0.0), None, None), &[0, 1, 3]);
    check(
        numbers,
        "a",
        range(Some(-2.0), None, Some(2.0), None),
        &[0, 1, 2],
    );
}

#[test]
fn date_ranges_take_texts_that_parse() {
    let payloads = &[
        r#"{"a":"2024-02-29T12:30:00Z"}"#,
        r#"{"a":"2024-02-29 14:30:00+02:00"}"#,
        r#"{"a":"2024-02-29"}"#,
        r#"{"a":"soon"}"#,
        r#"{"a":1709209800}"#,
        r#"{"a":["soon","2025-01-01"]}"#,
        r#"{"a":"2024-02-29T12:30"}"#,
    ];
    let instant = Timestamp::parse("2024-02-29T12:30:00Z");
    let range = |gt, gte, lt, lte| Test::DateRange(Range { gt, gte, lt, lte });
    check(
        payloads,
        "a",
        range(None, instant, None, instant),
        &[0, 1, 6],
    );
    check(payloads, "a", range(None, None, instant, None), &[2]);
    check(payloads, "a", range(instant, None, None, None), &[5]);
    // Dates that are one instant are still different texts.
    check(payloads, "a", Test::Equals(text("2024-02-29T12:30")), &[6]);
    check(
        payloads,
        "a",
        Test::NotIn(texts(&["2024-02-29T12:30"])),
        &[0, 1, 2, 3, 4, 5],
    );
}

#[test]
fn parts_and_beginnings_of_texts() {
    let payloads = &[
        r#"{"a":"Skerry"}"#,
        r#"{"a":["rock","skerry"]}"#,
        r#"{"a":""}"#,
        r#"{"a":5}"#,
        r#"{"a":"ключ"}"#,
    ];
    check(payloads, "a", Test::Contains("kerry".into()), &[0, 1]);
    check(payloads, "a", Test::Contains("Sk".into()), &[0]);
    check(payloads, "a", Test::Contains(String::new()), &[0, 1, 2, 4]);
    check(payloads, "a", Test::Contains("юч".into()), &[4]);
    check(payloads, "a", Test::Prefix("sk".into()), &[1]);
    check(payloads, "a", Test::Prefix("kerry".into()), &[]);
    check(payloads, "a", Test::Prefix(String::new()), &[0, 1, 2, 4]);
    check(payloads, "a", Test::Prefix("кл".into()), &[4]);
}

const EMPTINESS: &[&str] = &[
    r#"{}"#,
    r#"{"a":null}"#,
    r#"{"a":[]}"#,
    r#"{"a":[null]}"#,
    r#"{"a":[1,null]}"#,
    r#"{"a":0}"#,
    r#"{"a":""}"#,
    r#"{"a":{}}"#,
    r#"{"a":[1,2,3]}"#,
    r#"{"a":[[null]]}"#,
];

#[test]
fn empty_is_missing_null_or_an_empty_list() {
    check(EMPTINESS, "a", Test::IsEmpty(true), &[0, 1, 2]);
    check(EMPTINESS, "a", Test::IsEmpty(false), &[3, 4, 5, 6, 7, 8, 9]);
    let nested = &[
        r#"{"a":[{"b":null},{"b":[]}]}"#,
        r#"{"a":[{"b":null},{"b":1}]}"#,
    ];
    check(nested, "a[].b", Test::IsEmpty(true), &[0]);
    check(nested, "a[].b", Test::IsEmpty(false), &[1]);
}

#[test]
fn null_is_a_null_value_or_element() {
    check(EMPTINESS, "a", Test::IsNull(true), &[1, 3, 4]);
    check(EMPTINESS, "a", Test::IsNull(false), &[0, 2, 5, 6, 7, 8, 9]);
}

#[test]
fn values_are_counted_with_missing_as_none() {
    let count = |gte, lte| {
        Test::ValuesCount(Range {
            gte,
            lte,
            ..Range::default()
        })
    };
    check(EMPTINESS, "a", count(Some(0), Some(0)), &[0, 1, 2]);
    check(EMPTINESS, "a", count(Some(1), Some(1)), &[3, 5, 6, 7, 9]);
    check(EMPTINESS, "a", count(Some(2), None), &[4, 8]);
    check(
        EMPTINESS,
        "a",
        count(None, None),
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    let reached = &[
        r#"{"a":[{"b":null},{"b":[1,2]}]}"#,
        r#"{"a":[{"b":1},{"b":2}]}"#,
    ];
    check(reached, "a[].b", count(Some(0), Some(0)), &[0]);
    check(reached, "a[].b", count(Some(1), Some(1)), &[1]);
    check(reached, "a[].b", count(Some(2), None), &[0]);
    let mixed = &[r#"{"a":[{"b":null},{"b":1}]}"#];
    check(mixed, "a[].b", count(Some(0), Some(0)), &[0]);
    check(mixed, "a[].b", count(Some(1), Some(1)), &[0]);
}

fn at(lon: f64, lat: f64) -> GeoPoint {
    GeoPoint { lon, lat }
}

const PLACES: &[&str] = &[
    r#"{"a":{"lon":13.4,"lat":52.5}}"#,
    r#"{"a":{"lon":-0.13,"lat":51.5}}"#,
    r#"{"a":[{"lon":179.5,"lat":-17},{"lon":0,"lat":0}]}"#,
    r#"{"a":{"lon":-179,"lat":-17}}"#,
    r#"{"a":{"lon":"13","lat":52}}"#,
    r#"{"a":{"lon":13}}"#,
    r#"{"a":{"lon":10,"lat":50}}"#,
    r#"{"a":{"lon":13.4,"lat":412.5}}"#,
];

#[test]
fn boxes_exclude_their_boundary_and_may_cross_the_antimeridian() {
    let within = |north, west, south, east| Test::GeoBox {
        top_left: at(west, north),
        bottom_right: at(east, south),
    };
    check(PLACES, "a", within(60.0, 10.0, 50.0, 20.0), &[0]);
    check(PLACES, "a", within(60.0, 9.9, 49.9, 20.0), &[0, 6]);
    check(PLACES, "a", within(0.0, 170.0, -20.0, -170.0), &[2, 3]);
    check(PLACES, "a", within(0.0, -170.0, -20.0, 170.0), &[]);
    check(PLACES, "a", within(52.5, 0.0, 50.0, 20.0), &[]);
}

#[test]
fn circles_are_measured_along_the_sphere() {
    let near = |center, radius_m| Test::GeoRadius { center, radius_m };
    // Berlin to London is 933 km.
    check(PLACES, "a", near(at(13.4, 52.5), 920_000.0), &[0, 6, 7]);
    check(PLACES, "a", near(at(13.4, 52.5), 940_000.0), &[0, 1, 6, 7]);
    check(PLACES, "a", near(at(180.0, -17.0), 120_000.0), &[2, 3]);
    // Nothing is nearer than itself.
    check(PLACES, "a", near(at(10.0, 50.0), 0.0), &[]);
    check(PLACES, "a", near(at(0.0, 90.0), 4_300_000.0), &[0, 1, 7]);
}

#[test]
fn polygons_exclude_boundaries_and_holes() {
    let ring = |west: f64, south: f64, east: f64, north: f64| {
        vec![
            at(west, south),
            at(east, south),
            at(east, north),
            at(west, north),
            at(west, south),
        ]
    };
    let inside = |exterior, interiors| Test::GeoPolygon {
        exterior,
        interiors,
    };
    check(
        PLACES,
        "a",
        inside(ring(0.0, 45.0, 20.0, 55.0), vec![]),
        &[0, 6],
    );
    check(
        PLACES,
        "a",
        inside(ring(10.0, 45.0, 20.0, 55.0), vec![]),
        &[0],
    );
    let hole = ring(9.0, 49.0, 11.0, 51.0);
    check(
        PLACES,
        "a",
        inside(ring(0.0, 45.0, 20.0, 55.0), vec![hole]),
        &[0],
    );
    let edge = ring(10.0, 49.0, 11.0, 51.0);
    check(
        PLACES,
        "a",
        inside(ring(0.0, 45.0, 20.0, 55.0), vec![edge]),
        &[0],
    );
    // A corner at the height of the point must not be counted twice.
    let diamond = vec![
        at(8.0, 50.0),
        at(12.0, 48.0),
        at(14.0, 50.0),
        at(12.0, 52.0),
        at(8.0, 50.0),
    ];
    check(PLACES, "a", inside(diamond, vec![]), &[6]);
}

#[test]
fn a_uuid_index_compares_uuids_in_every_form() {
    let payloads = [
        r#"{"a":"550e8400-e29b-41d4-a716-446655440000"}"#,
        r#"{"a":"550E8400E29B41D4A716446655440000"}"#,
        r#"{"a":["x","{550e8400-e29b-41d4-a716-446655440000}"]}"#,
        r#"{"a":"x"}"#,
        r#"{"a":"00000000-e29b-41d4-a716-446655440000"}"#,
    ];
    let mut source = Source::new(payloads.iter().map(|text| object(text)));
    let simple = texts(&["550e8400e29b41d4a716446655440000"]);
    let equals = field("a", Test::In(simple.clone()));
    let differs = field("a", Test::NotIn(simple));
    assert_eq!(matching(&source, &equals), []);
    assert_eq!(matching(&source, &differs), [0, 1, 2, 3, 4]);
    // As soon as the index is declared, whether or not the column exists; any column will do.
    source.declare("a", FieldKind::Uuid);
    assert_eq!(matching(&source, &equals), [0, 1, 2]);
    assert_eq!(matching(&source, &differs), [2, 3, 4]);
    source.index("a", FieldKind::Keyword);
    source.declare("a", FieldKind::Uuid);
    assert_eq!(matching(&source, &equals), [0, 1, 2]);
    source.index("a", FieldKind::Uuid);
    assert_eq!(matching(&source, &equals), [0, 1, 2]);
    assert_eq!(matching(&source, &differs), [2, 3, 4]);
    assert_eq!(
        matching(&source, &field("a", Test::Equals(text("x")))),
        [2, 3]
    );
}

#[test]
fn clauses_combine() {
    let is = |n| field("a", Test::Equals(Scalar::Int(n)));
    let payloads = &[
        r#"{"a":1}"#,
        r#"{"a":[1,2]}"#,
        r#"{"a":[1,2,3]}"#,
        r#"{"a":4}"#,
        r#"{}"#,
    ];
    let of = vec![is(1), is(2), is(3)];
    check_filter(payloads, "a", &Filter::All(of.clone()), &[2]);
    check_filter(payloads, "a", &Filter::Any(of.clone()), &[0, 1, 2]);
    check_filter(payloads, "a", &Filter::Not(Box::new(is(1))), &[3, 4]);
    let at_least = |count| Filter::AtLeast {
        count,
        of: of.clone(),
    };
    check_filter(payloads, "a", &at_least(2), &[1, 2]);
    check_filter(payloads, "a", &at_least(0), &[0, 1, 2, 3, 4]);
    check_filter(payloads, "a", &at_least(4), &[]);
    check_filter(payloads, "a", &Filter::All(vec![]), &[0, 1, 2, 3, 4]);
    check_filter(payloads, "a", &Filter::Any(vec![]), &[]);
}

#[test]
fn ids_and_vectors() {
    let payloads = &["{}", "{}", "{}", "{}"];
    let ids = [3, 1, 99].map(PointId::Num).to_vec();
    check_filter(payloads, "a", &Filter::HasId(ids.clone()), &[1, 3]);
    check_filter(
        payloads,
        "a",
        &Filter::Not(Box::new(Filter::HasId(ids))),
        &[0, 2],
    );
    let even = VectorName::new("even").unwrap();
    check_filter(payloads, "a", &Filter::HasVector(even), &[0, 2]);
    let odd = VectorName::new("odd").unwrap();
    check_filter(payloads, "a", &Filter::HasVector(odd), &[]);
}

#[test]
fn slices_part_the_ids_as_published() {
    // Parts of ids 0..8 of 4, from the reference client's local mode.
    let payloads = &["{}"; 8];
    let parts = SLICES_OF_FOUR;
    for (index, expected) in (0..).zip(parts) {
        let slice = Filter::Slice { total: 4, index };
        check_filter(payloads, "a", &slice, expected);
    }
}

const SLICES_OF_FOUR: [&[u32]; 4] = [&[4, 5, 7], &[2, 6], &[1, 3], &[0]];

const WORDS: &[&str] = &[
    r#"{"a":"Hello World"}"#,
    r#"{"a":"foo bar"}"#,
    r#"{"a":["hello world","foo bar"]}"#,
    r#"{"a":["hello","world"]}"#,
    r#"{"a":"helloworld"}"#,
    r#"{"a":[3,"hello-world foo"]}"#,
    r#"{"a":{"x":"hello"}}"#,
    r#"{"a":""}"#,
    r#"{}"#,
];

/// Asserts which of [`WORDS`] match under a text index with phrases, before and after the column is
/// there; the rows are those that Qdrant's engine gives.
fn check_words(test: Test, expected: &[u32]) {
    let mut source = Source::new(WORDS.iter().map(|text| object(text)));
    let mut params = model::IndexParams::new(FieldKind::Text);
    params.text.phrases = true;
    let filter = field("a", test);
    source.declare_with("a", params.clone());
    assert_eq!(matching(&source, &filter), expected, "{filter:?}");
    source.index_with("a", params);
    assert_eq!(matching(&source, &filter), expected, "column: {filter:?}");
}

#[test]
fn under_a_text_index_tokens_are_compared() {
    check_words(Test::Text("hello".into()), &[0, 2, 3, 5]);
    check_words(Test::Text("WORLD hello".into()), &[0, 2, 3, 5]);
    check_words(Test::Text("foo hello".into()), &[2, 5]);
    check_words(Test::Text("hello unseen".into()), &[]);
    check_words(Test::Text(" - ".into()), &[]);
    check_words(Test::TextAny("unseen foo helloworld".into()), &[1, 2, 4, 5]);
    check_words(Test::TextAny(String::new()), &[]);
    check_words(Test::Phrase("hello world".into()), &[0, 2, 5]);
    check_words(Test::Phrase("world foo".into()), &[5]);
    check_words(Test::Phrase("world hello".into()), &[]);
    check_words(Test::Phrase(String::new()), &[]);
    check_words(Test::Contains("lo wo".into()), &[2]);
    check_words(Test::Prefix("foo".into()), &[1, 2]);
}

#[test]
fn without_a_text_index_texts_are_compared_as_written() {
    let mut source = Source::new(WORDS.iter().map(|text| object(text)));
    for kind in [None, Some(FieldKind::Keyword)] {
        if let Some(kind) = kind {
            source.index("a", kind);
        }
        for (test, expected) in [
            (Test::Text("lo wo".into()), &[2][..]),
            (Test::Text(String::new()), &[0, 1, 2, 3, 4, 5, 7]),
            (Test::TextAny("oba o-w".into()), &[5]),
            (Test::TextAny("x Hel bar".into()), &[0, 1, 2]),
            (Test::TextAny(" ".into()), &[]),
            (Test::Phrase("foo bar".into()), &[1, 2]),
        ] {
            assert_eq!(matching(&source, &field("a", test)), expected);
        }
    }
}

#[test]
fn without_places_no_phrase_is_found() {
    let mut source = Source::new(WORDS.iter().map(|text| object(text)));
    source.declare("a", FieldKind::Text);
    assert_eq!(
        matching(&source, &field("a", Test::Phrase("hello".into()))),
        []
    );
    source.index("a", FieldKind::Text);
    assert_eq!(
        matching(&source, &field("a", Test::Phrase("hello".into()))),
        []
    );
}

#[test]
fn nested_texts_have_the_tokens_on_their_own() {
    let payloads = [
        r#"{"a":[{"x":["hello","world"]}]}"#,
        r#"{"a":[{"x":"hello"},{"x":"world"}]}"#,
        r#"{"a":[{"x":"hello world"}]}"#,
    ];
    let mut source = Source::new(payloads.iter().map(|text| object(text)));
    source.index("a[].x", FieldKind::Text);
    let both = || Test::Text("hello world".into());
    assert_eq!(matching(&source, &field("a[].x", both())), [0, 1, 2]);
    let nested = Filter::Nested {
        path: path("a"),
        filter: Box::new(field("x", both())),
    };
    assert_eq!(matching(&source, &nested), [2]);
}
