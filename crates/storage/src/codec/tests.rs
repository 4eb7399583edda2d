//! Every codec: what is written is read back, and arbitrary bytes never panic.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use model::filter::Range;
use model::schema::{SegmentConfig, VectorChange};
use model::{
    AliasChange, Attachment, AttachmentKey, ClusterCount, CodeBits, CollectionName, CollectionRef,
    Comparator, ConfigChange, DatabaseName, Dim, Element, FieldIndex, FieldKind, FieldPath, Filter,
    Function, GeoPoint, HnswConfig, IndexChoice, IndexParams, IvfConfig, Language, Metric,
    Modifier, MultiVector, NamedVectors, Object, Point, PointId, PostingsConfig, ProductRatio,
    Quantization, QueryBits, Residency, Scalar, Schema, SparseVector, Step, Stopwords, Target,
    Term, Test, TextOptions, Timestamp, Tokenizer, UpsertMode, Value, Vector, VectorField,
    VectorKind, VectorName, WriteOp,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::{
    CatalogChange, CatalogState, Codec, CollectionState, PartEntry, PartRole, SegmentEntry,
    from_bytes, to_bytes,
};
use crate::ulid::Ulid;

fn ids() -> impl Strategy<Value = PointId> {
    prop_oneof![
        any::<u64>().prop_map(PointId::Num),
        any::<[u8; 16]>().prop_map(PointId::Uuid),
        ".{0,9}".prop_map(|text| PointId::Text(text.into())),
    ]
}

fn vector_names() -> impl Strategy<Value = VectorName> {
    ".{0,6}".prop_map(|name| VectorName::new(name).unwrap())
}

fn vectors() -> impl Strategy<Value = Vector> {
    let component = -1e6_f32..1e6;
    prop_oneof![
        vec(component.clone(), 0..40).prop_map(Vector::Dense),
        btree_map(any::<u32>(), component.clone(), 0..9).prop_map(|pairs| {
            let (indices, values) = pairs.into_iter().unzip();
            Vector::Sparse(SparseVector::new(indices, values).unwrap())
        }),
        (1_usize..5)
            .prop_flat_map(move |dim| vec(component.clone(), dim..=dim))
            .prop_map(|row| {
                Vector::Multi(MultiVector::new(row.len(), [&row[..], &row[..]].concat()).unwrap())
            }),
        vec(any::<u8>(), 0..20).prop_map(Vector::Binary),
    ]
}

fn named_vectors() -> impl Strategy<Value = NamedVectors> {
    vec((vector_names(), vectors()), 0..3)
}

fn objects() -> impl Strategy<Value = Object> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>()
            .prop_filter("NaN is unequal to itself", |x| !x.is_nan())
            .prop_map(Value::Float),
        ".{0,8}".prop_map(Value::Str),
        Just(Value::UInt(u64::MAX)),
    ];
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((".{0,4}", inner), 0..3).prop_map(|f| Value::Object(f.into_iter().collect())),
        ]
    });
    vec((".{0,5}", value), 0..4).prop_map(|fields| fields.into_iter().collect())
}

fn paths() -> impl Strategy<Value = FieldPath> {
    // Keys may hold what the text form of a path cannot.
    let step = prop_oneof![
        "[a-z\"\\[]{0,4}".prop_map(|key| Step::Key(key.into())),
        Just(Step::Each),
        any::<u32>().prop_map(Step::At),
    ];
    (".{0,4}", vec(step, 0..3)).prop_map(|(first, rest)| {
        let steps = std::iter::once(Step::Key(first.into()))
            .chain(rest)
            .collect();
        FieldPath::from_steps(steps).unwrap()
    })
}

fn ranges<T: Copy + std::fmt::Debug>(
    bound: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Range<T>> {
    let bound = option::of(bound);
    (bound.clone(), bound.clone(), bound.clone(), bound).prop_map(|(gt, gte, lt, lte)| Range {
        gt,
        gte,
        lt,
        lte,
    })
}

fn places() -> impl Strategy<Value = GeoPoint> + Clone {
    (-180.0..180.0, -90.0..90.0).prop_map(|(lon, lat)| GeoPoint { lon, lat })
}

fn scalars() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        ".{0,6}".prop_map(Scalar::Str),
        any::<i64>().prop_map(Scalar::Int),
        any::<bool>().prop_map(Scalar::Bool),
    ]
}

fn tests() -> impl Strategy<Value = Test> {
    prop_oneof![
        scalars().prop_map(Test::Equals),
        vec(scalars(), 0..3).prop_map(Test::In),
        vec(scalars(), 0..3).prop_map(Test::NotIn),
        ranges(-1e9_f64..1e9).prop_map(Test::Range),
        ranges(any::<i64>().prop_map(Timestamp)).prop_map(Test::DateRange),
        ".{0,6}".prop_map(Test::Contains),
        ".{0,6}".prop_map(Test::Text),
        ".{0,6}".prop_map(Test::TextAny),
        ".{0,6}".prop_map(Test::Phrase),
        ".{0,6}".prop_map(Test::Prefix),
        (places(), places()).prop_map(|(top_left, bottom_right)| Test::GeoBox {
            top_left,
            bottom_right
        }),
        (places(), 0.0..1e7).prop_map(|(center, radius_m)| Test::GeoRadius { center, radius_m }),
        (vec(places(), 0..5), vec(vec(places(), 0..4), 0..2)).prop_map(|(exterior, interiors)| {
            Test::GeoPolygon {
                exterior,
                interiors,
            }
        }),
        ranges(any::<u64>()).prop_map(Test::ValuesCount),
        any::<bool>().prop_map(Test::IsEmpty),
        any::<bool>().prop_map(Test::IsNull),
    ]
}

fn terms() -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        objects().prop_map(|object| Term::Constant(Value::Object(object))),
        any::<i64>().prop_map(|n| Term::Constant(Value::Int(n))),
        paths().prop_map(Term::Field),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        (0..Function::ALL.len(), vec(inner, 3)).prop_map(|(at, mut arguments)| {
            let function = Function::ALL[at];
            arguments.truncate(function.arity().1);
            Term::call(function, arguments).unwrap()
        })
    })
}

fn filters() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        (paths(), tests()).prop_map(|(path, test)| Filter::Field { path, test }),
        vec(ids(), 0..4).prop_map(Filter::HasId),
        vector_names().prop_map(Filter::HasVector),
        (1_u32.., any::<u32>()).prop_map(|(total, index)| Filter::Slice { total, index }),
        terms().prop_map(Filter::Where),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Filter::All),
            vec(inner.clone(), 0..3).prop_map(Filter::Any),
            inner
                .clone()
                .prop_map(|filter| Filter::Not(Box::new(filter))),
            (0_usize..9, vec(inner.clone(), 0..3))
                .prop_map(|(count, of)| Filter::AtLeast { count, of }),
            (paths(), inner).prop_map(|(path, filter)| Filter::Nested {
                path,
                filter: Box::new(filter)
            }),
        ]
    })
}

fn targets() -> impl Strategy<Value = Target> {
    prop_oneof![
        vec(ids(), 0..5).prop_map(Target::Ids),
        filters().prop_map(Target::Filter),
    ]
}

fn graphs() -> impl Strategy<Value = HnswConfig> {
    any::<(u16, u32, u32)>().prop_map(|(m, ef_construct, full_scan_threshold_kb)| HnswConfig {
        m,
        ef_construct,
        full_scan_threshold_kb,
    })
}

fn segment_settings() -> impl Strategy<Value = SegmentConfig> {
    (any::<(u32, u32, u32)>(), 0.0..1.0).prop_map(|((a, b, c), share)| SegmentConfig {
        indexing_threshold_kb: a,
        segment_kb_max: b,
        vacuum_deleted_share: share,
        vacuum_rows_min: c,
    })
}

fn quantizations() -> impl Strategy<Value = Quantization> {
    let ratio = prop::sample::select(vec![
        ProductRatio::X4,
        ProductRatio::X8,
        ProductRatio::X16,
        ProductRatio::X32,
        ProductRatio::X64,
    ]);
    let bits = prop::sample::select(vec![
        CodeBits::One,
        CodeBits::OneAndHalf,
        CodeBits::Two,
        CodeBits::Four,
    ]);
    let query = prop::sample::select(vec![
        QueryBits::Auto,
        QueryBits::One,
        QueryBits::Four,
        QueryBits::Eight,
    ]);
    prop_oneof![
        option::of(0.5_f32..=1.0).prop_map(|quantile| Quantization::Scalar { quantile }),
        ratio.prop_map(Quantization::Product),
        (bits.clone(), query).prop_map(|(bits, query)| Quantization::Binary { bits, query }),
        bits.prop_map(|bits| Quantization::Rotated { bits }),
    ]
}

fn residencies() -> impl Strategy<Value = Residency> {
    prop_oneof![Just(Residency::Mapped), Just(Residency::Resident)]
}

fn text_options() -> impl Strategy<Value = TextOptions> {
    let tokenizers = [
        Tokenizer::Word,
        Tokenizer::Whitespace,
        Tokenizer::Prefix,
        Tokenizer::Multilingual,
    ];
    let language = || prop::sample::select(Language::ALL.to_vec());
    let stopwords = (
        prop::collection::vec(language(), 0..3),
        prop::collection::vec(any::<String>(), 0..3),
    );
    (
        prop::sample::select(tokenizers.to_vec()),
        any::<[bool; 3]>(),
        any::<[Option<u32>; 2]>(),
        stopwords,
        prop::option::of(language()),
    )
        .prop_map(
            |(tokenizer, flags, chars, (languages, custom), stemmer)| TextOptions {
                tokenizer,
                lowercase: flags[0],
                ascii_folding: flags[1],
                token_chars_min: chars[0],
                token_chars_max: chars[1],
                stopwords: Stopwords { languages, custom },
                stemmer,
                phrases: flags[2],
            },
        )
}

fn indexes() -> impl Strategy<Value = FieldIndex> {
    let kind = prop::sample::select(vec![
        FieldKind::Keyword,
        FieldKind::Integer,
        FieldKind::Float,
        FieldKind::Bool,
        FieldKind::Datetime,
        FieldKind::Uuid,
        FieldKind::Geo,
        FieldKind::Text,
    ]);
    (paths(), kind, text_options(), objects()).prop_map(|(path, kind, text, attributes)| {
        let params = IndexParams {
            kind,
            text,
            attributes,
        };
        FieldIndex { path, params }
    })
}

fn metrics() -> impl Strategy<Value = Metric> {
    prop::sample::select(vec![
        Metric::Dot,
        Metric::Cosine,
        Metric::L2,
        Metric::L1,
        Metric::Hamming,
        Metric::Jaccard,
        Metric::Tanimoto,
        Metric::Substructure,
        Metric::Superstructure,
    ])
}

fn vector_fields() -> impl Strategy<Value = VectorField> {
    let dense = (1..=u64::from(Dim::MAX), metrics(), elements());
    let kind = (dense, any::<bool>()).prop_map(|((dim, metric, element), multi)| {
        let dim = Dim::new(dim).unwrap();
        if multi {
            let comparator = Comparator::MaxSim;
            return VectorKind::Multi {
                dim,
                metric,
                element,
                comparator,
            };
        }
        VectorKind::Dense {
            dim,
            metric,
            element,
        }
    });
    let bits = (1..=u64::from(Dim::MAX), Just(Metric::Jaccard)).prop_map(|(dim, metric)| {
        let dim = Dim::new(dim).unwrap();
        VectorKind::Binary { dim, metric }
    });
    let kind = prop_oneof![
        3 => kind,
        1 => modifiers().prop_map(|modifier| VectorKind::Sparse { modifier }),
        1 => bits,
    ];
    let codes = option::of(quantizations());
    let index = (option::of(choices()), option::of(metrics()));
    let settings = (index, codes, residencies());
    (vector_names(), any::<u64>(), kind, settings).prop_map(
        |(name, since, kind, ((index, index_metric), quantization, residency))| VectorField {
            name,
            since,
            kind,
            index,
            index_metric,
            quantization,
            residency,
        },
    )
}

fn choices() -> impl Strategy<Value = IndexChoice> {
    let clusters = prop_oneof![
        any::<u32>().prop_map(ClusterCount::Fixed),
        (0.1_f32..50.0).prop_map(ClusterCount::PerRoot),
    ];
    prop_oneof![
        Just(IndexChoice::Exact),
        graphs().prop_map(IndexChoice::Graph),
        clusters.prop_map(|clusters| IndexChoice::Ivf(IvfConfig { clusters })),
        any::<u32>().prop_map(|full_scan_rows| {
            IndexChoice::Postings(PostingsConfig { full_scan_rows })
        }),
    ]
}

fn modifiers() -> impl Strategy<Value = Modifier> {
    prop_oneof![Just(Modifier::None), Just(Modifier::Idf)]
}

fn elements() -> impl Strategy<Value = Element> {
    prop::sample::select(vec![Element::F32, Element::F16, Element::U8])
}

fn schemas() -> impl Strategy<Value = Schema> {
    let lists = (vec(vector_fields(), 0..3), vec(indexes(), 0..3));
    let codes = option::of(quantizations());
    (lists, graphs(), codes, segment_settings(), objects()).prop_map(
        |((vectors, indexes), hnsw, quantization, segments, attributes)| Schema {
            vectors,
            indexes,
            hnsw,
            quantization,
            segments,
            attributes,
        },
    )
}

fn config_changes() -> impl Strategy<Value = ConfigChange> {
    let change = (
        vector_names(),
        option::of(option::of(choices())),
        option::of(option::of(metrics())),
        option::of(option::of(quantizations())),
        option::of(residencies()),
        option::of(modifiers()),
    )
        .prop_map(
            |(name, index, index_metric, quantization, residency, modifier)| VectorChange {
                name,
                index,
                index_metric,
                quantization,
                residency,
                modifier,
            },
        );
    let codes = option::of(option::of(quantizations()));
    let settings = (option::of(graphs()), codes, option::of(segment_settings()));
    (settings, vec(change, 0..3), option::of(objects())).prop_map(
        |((hnsw, quantization, segments), vectors, attributes)| ConfigChange {
            hnsw,
            quantization,
            segments,
            vectors,
            attributes,
            derived_from: None,
        },
    )
}

fn operations() -> impl Strategy<Value = WriteOp> {
    let point = (ids(), named_vectors(), objects()).prop_map(|(id, vectors, payload)| Point {
        id,
        vectors,
        payload,
    });
    let mode = prop_oneof![
        Just(UpsertMode::Upsert),
        Just(UpsertMode::InsertOnly),
        Just(UpsertMode::UpdateOnly),
        Just(UpsertMode::InsertNew),
    ];
    prop_oneof![
        (vec(point, 0..4), mode, option::of(filters())).prop_map(|(points, mode, condition)| {
            WriteOp::Upsert {
                points,
                mode,
                condition,
            }
        }),
        targets().prop_map(|target| WriteOp::Delete { target }),
        (targets(), objects(), option::of(paths())).prop_map(|(target, payload, at)| {
            WriteOp::SetPayload {
                target,
                payload,
                at,
            }
        }),
        (targets(), objects())
            .prop_map(|(target, payload)| WriteOp::OverwritePayload { target, payload }),
        (targets(), vec(paths(), 0..3))
            .prop_map(|(target, paths)| WriteOp::DeletePayload { target, paths }),
        targets().prop_map(|target| WriteOp::ClearPayload { target }),
        (vec((ids(), named_vectors()), 0..3), option::of(filters()))
            .prop_map(|(points, condition)| WriteOp::UpdateVectors { points, condition }),
        (targets(), vec(vector_names(), 0..3))
            .prop_map(|(target, names)| WriteOp::DeleteVectors { target, names }),
        indexes().prop_map(WriteOp::CreateIndex),
        paths().prop_map(WriteOp::DropIndex),
        vector_fields().prop_map(WriteOp::AddVector),
        vector_names().prop_map(WriteOp::DropVector),
        vec(ids(), 0..3).prop_map(|ids| WriteOp::Conceal { ids }),
        vec(ids(), 0..3).prop_map(|ids| WriteOp::Reveal { ids }),
        Just(WriteOp::Purge),
        attachments().prop_map(|(key, attachment)| WriteOp::Attach { key, attachment }),
        attachments().prop_map(|(key, _)| WriteOp::Detach { key }),
        config_changes().prop_map(WriteOp::Configure),
    ]
}

fn attachments() -> impl Strategy<Value = (AttachmentKey, Attachment)> {
    let kept = (any::<u128>(), any::<u64>(), any::<u32>());
    let kept = kept.prop_map(|(file, bytes, crc)| Attachment { file, bytes, crc });
    (
        "[a-z/é ]{1,9}".prop_map(|key| AttachmentKey::new(&key).unwrap()),
        kept,
    )
}

fn names() -> impl Strategy<Value = CollectionName> {
    "[a-z ]{1,9}".prop_map(|name| CollectionName::new(&name).unwrap())
}

fn collections() -> impl Strategy<Value = CollectionRef> {
    ("[a-z]{1,9}", names()).prop_map(|(database, name)| CollectionRef {
        database: DatabaseName::new(&database).unwrap(),
        name,
    })
}

fn ulids() -> impl Strategy<Value = Ulid> {
    any::<[u8; 16]>().prop_map(Ulid::from_bytes)
}

fn catalog_changes() -> impl Strategy<Value = CatalogChange> {
    let alias = prop_oneof![
        (names(), names())
            .prop_map(|(alias, collection)| AliasChange::Create { alias, collection }),
        names().prop_map(|alias| AliasChange::Delete { alias }),
        (names(), names()).prop_map(|(from, to)| AliasChange::Rename { from, to }),
    ];
    prop_oneof![
        (collections(), ulids(), schemas()).prop_map(|(collection, id, schema)| {
            CatalogChange::Create {
                collection,
                id,
                schema,
            }
        }),
        collections().prop_map(|collection| CatalogChange::Drop { collection }),
        (names(), vec(alias, 0..4)).prop_map(|(database, changes)| CatalogChange::Aliases {
            database: DatabaseName::new(database.as_str()).unwrap(),
            changes,
        }),
        (names(), objects()).prop_map(|(database, attributes)| CatalogChange::Attributes {
            database: DatabaseName::new(database.as_str()).unwrap(),
            attributes,
        }),
    ]
}

fn catalog_states() -> impl Strategy<Value = CatalogState> {
    let collections = vec((collections(), (ulids(), schemas())), 0..3);
    let aliases = vec((self::collections(), names()), 0..3);
    let attributes = vec(
        names().prop_map(|name| DatabaseName::new(name.as_str()).unwrap()),
        0..3,
    );
    let attributes = (attributes, objects())
        .prop_map(|(names, kept)| names.into_iter().map(|name| (name, kept.clone())).collect());
    (collections, aliases, attributes).prop_map(|(collections, aliases, attributes)| CatalogState {
        collections,
        aliases,
        attributes,
        databases: vec![DatabaseName::default()],
        snapshots: Vec::new(),
    })
}

fn collection_states() -> impl Strategy<Value = CollectionState> {
    let role = prop_oneof![
        Just(PartRole::Rows),
        vector_names().prop_map(PartRole::Hnsw),
        paths().prop_map(PartRole::Column),
    ];
    let part =
        (role, ulids(), any::<u64>()).prop_map(|(role, id, bytes)| PartEntry { role, id, bytes });
    let tombstones = vec(any::<u8>(), 0..30).prop_map(Bytes::from);
    let rows = (any::<u32>(), tombstones.clone(), tombstones);
    let segment =
        (ulids(), rows, vec(part, 0..4)).prop_map(|(id, (rows, tombstones, concealed), parts)| {
            SegmentEntry {
                concealed,
                id,
                rows,
                tombstones,
                parts,
            }
        });
    // In the order of their keys, each once.
    let attached = btree_map("[a-z/é ]{1,9}", attachments(), 0..3).prop_map(|all| {
        let all = all.into_iter();
        all.map(|(key, (_, kept))| (AttachmentKey::new(&key).unwrap(), kept))
            .collect()
    });
    (schemas(), any::<u64>(), vec(segment, 0..4), attached).prop_map(
        |(schema, operation, segments, attachments)| CollectionState {
            schema,
            operation,
            segments,
            attachments,
        },
    )
}

/// Reads back what was written, and refuses every shorter and every longer form of it.
fn check<T: Codec + PartialEq + std::fmt::Debug>(value: T, cut: prop::sample::Index) {
    let bytes = to_bytes(&value).unwrap();
    assert_eq!(from_bytes::<T>(&bytes).unwrap(), value);
    let shorter = &bytes[..cut.index(bytes.len())];
    assert!(
        from_bytes::<T>(shorter).is_err(),
        "a cut-off value was read"
    );
    let longer = [&bytes[..], &[0]].concat();
    assert!(
        from_bytes::<T>(&longer).is_err(),
        "a byte too many was ignored"
    );
}

proptest! {
    #[test]
    fn operations_round_trip(value in operations(), cut: prop::sample::Index) {
        check(value, cut);
    }

    #[test]
    fn catalog_changes_round_trip(value in catalog_changes(), cut: prop::sample::Index) {
        check(value, cut);
    }

    #[test]
    fn catalog_states_round_trip(value in catalog_states(), cut: prop::sample::Index) {
        check(value, cut);
    }

    #[test]
    fn collection_states_round_trip(value in collection_states(), cut: prop::sample::Index) {
        check(value, cut);
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in vec(any::<u8>(), 1..200)) {
        bytes[0] = super::VERSION;
        let _ = from_bytes::<WriteOp>(&bytes);
        let _ = from_bytes::<CatalogChange>(&bytes);
        let _ = from_bytes::<CatalogState>(&bytes);
        let _ = from_bytes::<CollectionState>(&bytes);
    }

    #[test]
    fn changed_bytes_never_panic(
        value in operations(), at: prop::sample::Index, to: u8,
    ) {
        let mut bytes = to_bytes(&value).unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = from_bytes::<WriteOp>(&bytes);
    }
}

#[test]
fn nesting_is_bounded_both_ways() {
    let nested =
        |levels| (1..levels).fold(Filter::All(vec![]), |inner, _| Filter::Not(Box::new(inner)));
    let at_limit = nested(128);
    assert_eq!(
        from_bytes::<Filter>(&to_bytes(&at_limit).unwrap()).unwrap(),
        at_limit
    );
    assert_eq!(
        to_bytes(&nested(129)).unwrap_err().kind,
        model::ErrorKind::Invalid
    );
    let forged = [&[super::VERSION][..], &[2; 10_000]].concat();
    assert!(from_bytes::<Filter>(&forged).is_err());
}

#[test]
fn an_unknown_version_is_refused() {
    let mut bytes = to_bytes(&WriteOp::Delete {
        target: Target::Ids(vec![]),
    })
    .unwrap()
    .to_vec();
    bytes[0] += 1;
    let error = from_bytes::<WriteOp>(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "byte 1: expected a version that this build reads"
    );
}

/// The bytes that docs/FORMAT.md walks through.
#[test]
fn the_documented_example_is_what_is_written() {
    let point = Point {
        id: PointId::Num(7),
        vectors: vec![(VectorName::default(), Vector::Dense(vec![1.0, -2.0]))],
        payload: [("a", Value::Bool(true))].into_iter().collect(),
    };
    let operation = WriteOp::Upsert {
        points: vec![point],
        mode: UpsertMode::Upsert,
        condition: None,
    };
    let expected = [
        &[1, 0, 1][..],
        &[0, 7, 0, 0, 0, 0, 0, 0, 0],
        &[1, 0, 0, 2, 0x00, 0x00, 0x80, 0x3F, 0x00, 0x00, 0x00, 0xC0],
        &[6, 8, 4, 1, 1, b'a', 2],
        &[0, 0],
    ]
    .concat();
    assert_eq!(to_bytes(&operation).unwrap(), expected);
}
