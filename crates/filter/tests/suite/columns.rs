//! Columns against payload evaluation, estimates against counts, damaged bytes against panics.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use bytes::Bytes;
use model::filter::Range;
use model::{
    Direction, ErrorKind, FieldKind, Filter, Function, GeoPoint, IndexParams, Object, PointId,
    Scalar, Term, Test, TextOptions, Timestamp, Tokenizer, Value,
};
use proptest::prelude::*;
use proptest::sample::Index;
use skerry_filter::{Column, RowSource, compile};

use crate::fixture::{Source, object};
use crate::semantics::{KINDS, field, matching, path};

const TEXTS: &[&str] = &[
    "a",
    "ab",
    "b",
    "",
    "2024-01-01",
    "2024-01-01T00:00:00Z",
    "2025-06-01",
    "550e8400-e29b-41d4-a716-446655440000",
    "550E8400E29B41D4A716446655440000",
    "ключ",
    "a ab b",
    "b a",
];

const PATHS: &[&str] = &["a", "b", "a.x", "a[]", "a[].x", "b[0]"];

fn any_text() -> impl Strategy<Value = String> {
    prop::sample::select(TEXTS).prop_map(str::to_owned)
}

fn any_degree() -> impl Strategy<Value = f64> {
    (-6_i32..6).prop_map(|n| f64::from(n) * 16.0)
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-3_i64..4).prop_map(Value::Int),
        Just(Value::UInt(u64::MAX)),
        Just(Value::Int(i64::MAX)),
        (-3_i32..4).prop_map(|n| Value::Float(f64::from(n) / 2.0)),
        any_text().prop_map(Value::Str),
        (any_degree(), any_degree()).prop_map(|(lon, lat)| {
            Value::Object(
                [("lon", lon), ("lat", lat)]
                    .map(|(k, x)| (k, x.into()))
                    .into_iter()
                    .collect(),
            )
        }),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            inner.prop_map(|x| Value::Object([("x", x)].into_iter().collect())),
        ]
    })
}

fn any_payload() -> impl Strategy<Value = Object> {
    (prop::option::of(any_value()), prop::option::of(any_value())).prop_map(|(a, b)| {
        let fields = [("a", a), ("b", b)];
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    })
}

fn any_range<T: Copy + core::fmt::Debug>(
    bound: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Range<T>> {
    let some = || prop::option::of(bound.clone());
    (some(), some(), some(), some()).prop_map(|(gt, gte, lt, lte)| Range { gt, gte, lt, lte })
}

fn any_scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any_text().prop_map(Scalar::Str),
        (-3_i64..4).prop_map(Scalar::Int),
        Just(Scalar::Int(i64::MAX)),
        any::<bool>().prop_map(Scalar::Bool),
    ]
}

fn any_test() -> impl Strategy<Value = Test> {
    let scalars = || prop::collection::vec(any_scalar(), 0..12);
    let point = || (any_degree(), any_degree()).prop_map(|(lon, lat)| GeoPoint { lon, lat });
    let instants = prop::sample::select(&["2024-01-01", "2024-06-01", "2025-06-01"][..])
        .prop_map(|text| Timestamp::parse(text).unwrap());
    prop_oneof![
        any_scalar().prop_map(Test::Equals),
        scalars().prop_map(Test::In),
        scalars().prop_map(Test::NotIn),
        any_range((-4_i32..5).prop_map(|n| f64::from(n) / 2.0)).prop_map(Test::Range),
        any_range(instants).prop_map(Test::DateRange),
        any_text().prop_map(Test::Contains),
        any_text().prop_map(Test::Prefix),
        (point(), point()).prop_map(|(top_left, bottom_right)| Test::GeoBox {
            top_left,
            bottom_right
        }),
        (point(), 0.0..2e7).prop_map(|(center, radius_m)| Test::GeoRadius { center, radius_m }),
        prop::collection::vec(point(), 3..6).prop_map(|mut exterior| {
            exterior.push(exterior[0]);
            Test::GeoPolygon {
                exterior,
                interiors: vec![],
            }
        }),
        any_range(0_u64..4).prop_map(Test::ValuesCount),
        any::<bool>().prop_map(Test::IsEmpty),
        any::<bool>().prop_map(Test::IsNull),
    ]
}

fn any_words() -> impl Strategy<Value = Test> {
    prop_oneof![
        any_text().prop_map(Test::Text),
        any_text().prop_map(Test::TextAny),
        any_text().prop_map(Test::Phrase),
    ]
}

fn any_text_index() -> impl Strategy<Value = IndexParams> {
    let tokenizers = [
        Tokenizer::Word,
        Tokenizer::Whitespace,
        Tokenizer::Prefix,
        Tokenizer::Multilingual,
    ];
    (prop::sample::select(tokenizers.to_vec()), any::<bool>()).prop_map(|(tokenizer, phrases)| {
        let mut params = IndexParams::new(FieldKind::Text);
        params.text = TextOptions {
            tokenizer,
            phrases,
            ..TextOptions::default()
        };
        params
    })
}

/// Constants that payloads have too, a field among them now and then.
fn any_operand() -> impl Strategy<Value = Term> {
    prop_oneof![
        4 => any_text().prop_map(|text| Term::Constant(Value::Str(text))),
        4 => (-3_i64..4).prop_map(|n| Term::Constant(Value::Int(n))),
        2 => (-4_i32..5).prop_map(|n| Term::Constant(Value::Float(f64::from(n) / 2.0))),
        1 => any::<bool>().prop_map(|truth| Term::Constant(Value::Bool(truth))),
        1 => Just(Term::Constant(Value::Null)),
        1 => prop::sample::select(PATHS).prop_map(|at| Term::Field(path(at))),
    ]
}

fn any_term() -> impl Strategy<Value = Term> {
    let functions = [
        Function::Equal,
        Function::NotEqual,
        Function::Less,
        Function::LessOrEqual,
        Function::Greater,
        Function::GreaterOrEqual,
        Function::In,
        Function::Between,
        Function::Contains,
        Function::Like,
        Function::IsNull,
    ];
    let operands = prop::collection::vec(any_operand(), 3);
    let leaf = (
        prop::sample::select(functions.to_vec()),
        prop::sample::select(PATHS),
        operands,
        any::<bool>(),
    )
        .prop_map(|(function, at, mut arguments, mirrored)| {
            arguments[usize::from(mirrored)] = Term::Field(path(at));
            arguments.truncate(match function {
                Function::Like => 2,
                other => other.arity().1,
            });
            Term::call(function, arguments).unwrap()
        });
    leaf.prop_recursive(2, 6, 3, |inner| {
        let several = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            several().prop_map(|of| Term::call(Function::And, of).unwrap()),
            several().prop_map(|of| Term::call(Function::Or, of).unwrap()),
            inner.prop_map(|of| Term::call(Function::Not, vec![of]).unwrap()),
        ]
    })
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        3 => any_term().prop_map(Filter::Where),
        8 => (prop::sample::select(PATHS), any_test()).prop_map(|(at, test)| field(at, test)),
        1 => prop::collection::vec((0_u64..40).prop_map(PointId::Num), 0..6)
            .prop_map(Filter::HasId),
        1 => (1_u32..4).prop_map(|total| Filter::Slice { total, index: 0 }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let several = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            several().prop_map(Filter::All),
            several().prop_map(Filter::Any),
            (0_usize..4, several()).prop_map(|(count, of)| Filter::AtLeast { count, of }),
            inner.clone().prop_map(|f| Filter::Not(Box::new(f))),
            inner.prop_map(|f| Filter::Nested {
                path: path("a"),
                filter: Box::new(f),
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Every column gives what payload evaluation gives, whatever it is a column of. UUID and text
    /// indexes change the meaning of tests and are compared below.
    #[test]
    fn columns_change_nothing(
        payloads in prop::collection::vec(any_payload(), 0..40),
        filter in any_filter(),
        kinds in prop::collection::vec(prop::sample::select(&KINDS[..]), PATHS.len()),
    ) {
        let mut source = Source::new(payloads);
        let expected = matching(&source, &filter);
        for (at, kind) in PATHS.iter().zip(kinds) {
            if !matches!(kind, FieldKind::Uuid | FieldKind::Text) {
                source.index(at, kind);
            }
        }
        prop_assert_eq!(matching(&source, &filter), expected);
    }

    /// A UUID column gives what payload evaluation under a declared UUID index gives.
    #[test]
    fn uuid_columns_compare_as_declared(
        payloads in prop::collection::vec(any_payload(), 0..40),
        test in any_test(),
    ) {
        let mut source = Source::new(payloads);
        source.index("a", FieldKind::Uuid);
        let filter = field("a", test);
        let set = matching(&source, &filter);
        // The first visits read the payload, before the column's bits are made.
        let first_visits: Vec<u32> = (0..source.len())
            .filter(|&row| compile(&filter, &source).matches(row.into()))
            .collect();
        prop_assert_eq!(set, first_visits);
    }

    /// A text column gives what payload evaluation under a declared text index gives, nested in
    /// objects or not.
    #[test]
    fn text_columns_compare_as_declared(
        payloads in prop::collection::vec(any_payload(), 0..40),
        test in prop_oneof![any_words(), any_test()],
        at in prop::sample::select(&["a", "a[]", "a[].x"][..]),
        params in any_text_index(),
    ) {
        let mut source = Source::new(payloads);
        source.declare_with(at, params.clone());
        let nested = Filter::Nested {
            path: path("a"),
            filter: Box::new(field("x", test.clone())),
        };
        let filters = [field(at, test), nested];
        let expected = filters.each_ref().map(|filter| matching(&source, filter));
        source.index_with(at, params);
        let found = filters.each_ref().map(|filter| matching(&source, filter));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn points_are_rows_with_a_value_of_the_kind(
        payloads in prop::collection::vec(any_payload(), 0..40),
    ) {
        let mut source = Source::new(payloads);
        source.index("a", FieldKind::Keyword);
        let any_text = field("a", Test::Contains(String::new()));
        let rows = matching(&source, &any_text).len() as u64;
        prop_assert_eq!(source.column(&path("a")).unwrap().points(), rows);
    }
}

type Blocks = BTreeMap<String, Vec<u8>>;

fn blocks_of(kind: FieldKind, payloads: &[Object]) -> Blocks {
    let source = Source::new(payloads.iter().cloned());
    let mut params = IndexParams::new(kind);
    params.text.phrases = true;
    let blocks = Column::build(&params, &path("a"), &source).encode();
    blocks
        .into_iter()
        .map(|(name, bytes)| (name, bytes.to_vec()))
        .collect()
}

/// Opens the blocks and asks everything of what opens; returns whether it did.
fn survives(blocks: &Blocks, rows: usize, tests: &[Test]) -> bool {
    let block = |name: &str| blocks.get(name).cloned().map(Bytes::from);
    let Ok(column) = Column::open(&block) else {
        return false;
    };
    if column.rows() as usize != rows {
        return false;
    }
    for direction in [Direction::Ascending, Direction::Descending] {
        if let Some(values) = column.ordered(direction, None) {
            assert!(values.count() <= 4 * rows);
        }
    }
    let mut params = IndexParams::new(column.kind());
    params.text.phrases = true;
    let source = Damaged(column, params);
    for test in tests {
        let filter = field("a", test.clone());
        let compiled = compile(&filter, &source);
        compiled.estimate();
        compiled.rows(None);
        for row in 0..source.len() {
            compiled.matches(row.into());
        }
    }
    true
}

/// Rows without payload under a column that may be damaged.
struct Damaged(Column, IndexParams);

impl RowSource for Damaged {
    fn len(&self) -> u32 {
        self.0.rows()
    }
    fn id(&self, row: rows::RowId) -> PointId {
        PointId::Num(row.0.into())
    }
    fn payload(&self, _: rows::RowId) -> model::packed::ObjectRef<'_> {
        model::packed::ObjectRef::empty()
    }
    fn has_vector(&self, _: rows::RowId, _: &model::VectorName) -> bool {
        false
    }
    fn column(&self, _: &model::FieldPath) -> Option<&Column> {
        Some(&self.0)
    }
    fn declared(&self, _: &model::FieldPath) -> Option<&IndexParams> {
        Some(&self.1)
    }
    fn find(&self, _: &PointId) -> Option<rows::RowId> {
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn damaged_columns_never_panic(
        payloads in prop::collection::vec(any_payload(), 1..20),
        kind in prop::sample::select(&KINDS[..]),
        test in prop_oneof![any_test(), any_words()],
        hits in prop::collection::vec((any::<Index>(), any::<Index>(), any::<u8>()), 1..6),
        cut in prop::option::of((any::<Index>(), any::<Index>())),
    ) {
        let mut blocks = blocks_of(kind, &payloads);
        let names: Vec<String> = blocks.keys().cloned().collect();
        for (name, at, byte) in hits {
            let block = blocks.get_mut(name.get(&names)).unwrap();
            if !block.is_empty() {
                let at = at.index(block.len());
                block[at] = byte;
            }
        }
        if let Some((name, at)) = cut {
            let block = blocks.get_mut(name.get(&names)).unwrap();
            block.truncate(at.index(block.len() + 1));
        }
        survives(&blocks, payloads.len(), &[test]);
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let open = Column::open(&|_| Some(Bytes::from(bytes.clone())));
        prop_assert_eq!(open.unwrap_err().kind, ErrorKind::Corrupt);
    }
}

/// A term reads several values as null, a test for emptiness does not.
#[test]
fn null_by_several_values_is_found_with_a_column() {
    let mut source = Source::new([r#"{"a":[1,2]}"#, r#"{"a":[1]}"#, r#"{"b":1}"#].map(object));
    let each = Term::Field(path("a[]"));
    let null = Filter::Where(Term::call(Function::IsNull, vec![each]).unwrap());
    assert_eq!(matching(&source, &null), [0, 2]);
    source.index("a[]", FieldKind::Integer);
    assert_eq!(matching(&source, &null), [0, 2]);
}

#[test]
fn a_missing_block_is_corrupt() {
    let mut blocks = blocks_of(FieldKind::Keyword, &[object(r#"{"a":"x"}"#)]);
    assert!(survives(&blocks, 1, &[]));
    blocks.remove("texts");
    assert!(!survives(&blocks, 1, &[]));
}

#[test]
fn no_single_damaged_byte_makes_a_panic() {
    let payloads = [
        r#"{"a":["a","2024-01-01"]}"#,
        r#"{"a":["b",3,true]}"#,
        r#"{"a":[-2.5,"550e8400-e29b-41d4-a716-446655440000"]}"#,
        r#"{"a":["ab",4,false,{"lon":1,"lat":2}]}"#,
        r#"{"a":[null,{"lon":3,"lat":-4}]}"#,
    ]
    .map(object);
    let here = GeoPoint { lon: 0.0, lat: 0.0 };
    let tests = [
        Test::Equals(Scalar::Str("a".into())),
        Test::NotIn(vec![Scalar::Str("ab".into()), Scalar::Int(3)]),
        Test::Prefix("a".into()),
        Test::Contains("b".into()),
        Test::Range(Range::default()),
        Test::DateRange(Range::default()),
        Test::GeoRadius {
            center: here,
            radius_m: 1e7,
        },
        Test::ValuesCount(Range::default()),
        Test::Text("a 2024".into()),
        Test::TextAny("ab 01".into()),
        Test::Phrase("01 01".into()),
    ];
    let mut opened = 0;
    for kind in KINDS {
        let whole = blocks_of(kind, &payloads);
        assert!(survives(&whole, payloads.len(), &tests));
        for (name, block) in &whole {
            for at in 0..block.len() {
                for byte in [0, 1, 0x7F, 0xFF] {
                    let mut damaged = whole.clone();
                    damaged.get_mut(name).unwrap()[at] = byte;
                    opened += usize::from(survives(&damaged, payloads.len(), &tests));
                }
            }
        }
    }
    assert!(
        opened > 1000,
        "most damage is not noticed when opening: {opened}"
    );
}

#[test]
fn misaligned_blocks_are_copied() {
    let payloads = [object(r#"{"a":7}"#), object(r#"{"a":5}"#)];
    let source = Source::new(payloads.clone());
    let built = Column::build(&IndexParams::new(FieldKind::Integer), &path("a"), &source);
    let blocks: BTreeMap<String, Bytes> = built
        .encode()
        .into_iter()
        .map(|(name, bytes)| {
            let shifted = [&[0][..], &bytes].concat();
            (name, Bytes::from(shifted).slice(1..))
        })
        .collect();
    let column = Column::open(&|name| blocks.get(name).cloned()).unwrap();
    let rows = |column: &Column| {
        let values = column.ordered(Direction::Ascending, None).unwrap();
        values.map(|(_, row)| row.0).collect::<Vec<_>>()
    };
    assert_eq!(rows(&column), [1, 0]);
    assert_eq!(rows(&built), [1, 0]);
}

#[test]
fn estimates_of_single_valued_columns_are_exact() {
    let payloads = (0..1000).map(|n| object(&format!(r#"{{"a":{},"b":"{}"}}"#, n % 100, n % 7)));
    let mut source = Source::new(payloads);
    source.index("a", FieldKind::Integer);
    source.index("b", FieldKind::Keyword);
    let low = field(
        "a",
        Test::Range(Range {
            lt: Some(10.0),
            ..Range::default()
        }),
    );
    let estimate = compile(&low, &source).estimate();
    assert_eq!(
        (estimate.min, estimate.expected, estimate.max),
        (100, 100, 100)
    );
    let three = field("b", Test::Equals(Scalar::Str("3".into())));
    let both = Filter::All(vec![low, three]);
    let estimate = compile(&both, &source).estimate();
    assert_eq!(
        (estimate.min, estimate.expected, estimate.max),
        (0, 14, 100)
    );
}

#[test]
fn without_a_column_the_estimate_comes_from_a_sample() {
    let payloads = (0..10_000).map(|n| object(&format!(r#"{{"a":{}}}"#, n / 100)));
    let source = Source::new(payloads);
    let half = field(
        "a",
        Test::Range(Range {
            lt: Some(50.0),
            ..Range::default()
        }),
    );
    let estimate = compile(&half, &source).estimate();
    assert!((4500..5500).contains(&estimate.expected), "{estimate:?}");
    assert!(estimate.min >= 100 && estimate.max <= 9900, "{estimate:?}");
}

#[test]
fn a_sample_does_not_resonate_with_periodic_data() {
    // The period divides the distance between sampled rows.
    let payloads = (0..25_600).map(|n| object(&format!(r#"{{"a":{}}}"#, n % 4)));
    let source = Source::new(payloads);
    let quarter = field("a", Test::Equals(Scalar::Int(0)));
    let estimate = compile(&quarter, &source).estimate();
    assert!((5000..8000).contains(&estimate.expected), "{estimate:?}");
}

#[test]
fn a_compiled_filter_may_be_shared_between_threads() {
    fn assert_shared<T: Send + Sync>() {}
    assert_shared::<skerry_filter::Compiled<'_>>();
    assert_shared::<Column>();
}

#[test]
fn few_rows_of_many_are_listed_in_order() {
    let payloads: Vec<Object> = (0..1000)
        .map(|n| object(&format!(r#"{{"a":[{n},{}]}}"#, (n + 500) % 1000)))
        .collect();
    let wanted = field("a", Test::In([7, 507, 3].map(Scalar::Int).to_vec()));
    let mut source = Source::new(payloads.clone());
    source.index("a", FieldKind::Integer);
    assert_eq!(matching(&source, &wanted), [3, 7, 503, 507]);

    // A damaged row outside of the source is passed over.
    let mut blocks = blocks_of(FieldKind::Integer, &payloads);
    let at = 3 * 2 * size_of::<u32>();
    blocks.get_mut("rows").unwrap()[at..at + 4].fill(0xFF);
    let column = Column::open(&|name| blocks.get(name).cloned().map(Bytes::from)).unwrap();
    let damaged = Damaged(column, IndexParams::new(FieldKind::Integer));
    let rows = compile(&wanted, &damaged).rows(None);
    let rows: Vec<u32> = rows.iter().map(|row| row.0).collect();
    assert_eq!(rows, [7, 503, 507]);
}
