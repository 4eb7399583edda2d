//! Fields of every kind through the life of segments, and fields that come and go meanwhile.
#![allow(clippy::unwrap_used)]

mod shelf;

use model::command::{Point, Target};
use model::query::VectorSelect;
use model::schema::{SegmentConfig, VectorChange, VectorField};
use model::{
    CollectionRef, Comparator, ConfigChange, Dim, Element, ErrorKind, Filter, HnswConfig, Metric,
    Modifier, MultiVector, NamedVectors, Object, PointId, Rank, Residency, Schema, Search,
    SearchParams, Select, SparseVector, UpsertMode, Vector, VectorKind, VectorName, VectorQuery,
    WriteOp,
};
use skerry_engine::{Collection, JobKind, JobPolicy, ScratchPool};

use shelf::Shelf;

const DIM: usize = 4;
const BITS: u64 = 21;

fn name(text: &str) -> VectorName {
    VectorName::new(text).unwrap()
}

fn field(text: &str, kind: VectorKind) -> VectorField {
    VectorField {
        name: name(text),
        since: 0,
        kind,
        index: None,
        index_metric: None,
        quantization: None,
        residency: Residency::Mapped,
    }
}

fn dense(element: Element) -> VectorKind {
    VectorKind::Dense {
        dim: Dim::new(DIM as u64).unwrap(),
        metric: Metric::L2,
        element,
    }
}

fn multi(element: Element) -> VectorKind {
    VectorKind::Multi {
        dim: Dim::new(DIM as u64).unwrap(),
        metric: Metric::L2,
        element,
        comparator: Comparator::MaxSim,
    }
}

fn sparse(modifier: Modifier) -> VectorKind {
    VectorKind::Sparse { modifier }
}

fn binary(metric: Metric) -> VectorKind {
    VectorKind::Binary {
        dim: Dim::new(BITS).unwrap(),
        metric,
    }
}

fn schema() -> Schema {
    Schema {
        vectors: vec![
            field("bits", binary(Metric::Jaccard)),
            field("bytes", dense(Element::U8)),
            field("halves", dense(Element::F16)),
            field("rows", multi(Element::F16)),
            field("words", sparse(Modifier::Idf)),
        ],
        hnsw: HnswConfig {
            full_scan_threshold_kb: 1,
            ..HnswConfig::default()
        },
        segments: SegmentConfig {
            indexing_threshold_kb: 1,
            ..SegmentConfig::default()
        },
        ..Schema::default()
    }
}

/// Small whole numbers, which every element type holds and every order of summation adds exactly.
fn number(seed: u64, at: u64, bound: u64) -> u64 {
    let mut x = (seed * 131 + at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (x ^ (x >> 27)) % bound
}

fn row(seed: u64) -> Vec<f32> {
    (0..DIM as u64)
        .map(|at| number(seed, at, 50) as f32)
        .collect()
}

fn rows(seed: u64) -> MultiVector {
    let count = 1 + number(seed, 9, 3);
    let flat = (0..count).flat_map(|at| row(seed * 7 + at)).collect();
    MultiVector::new(DIM, flat).unwrap()
}

fn words(seed: u64) -> SparseVector {
    let mut indices: Vec<u32> = (0..5).map(|at| number(seed, 20 + at, 30) as u32).collect();
    indices.sort_unstable();
    indices.dedup();
    let values = indices
        .iter()
        .map(|&index| 1.0 + (index % 3) as f32)
        .collect();
    SparseVector::new(indices, values).unwrap()
}

/// As many as `BITS`, the three unused of them 0.
fn bits(seed: u64) -> Vec<u8> {
    let byte = |at: u64| number(seed, 30 + at, 256) as u8;
    vec![byte(0), byte(1) | 1, byte(2) & 0b1111_1000]
}

/// The vectors of point `id`: it carries most fields.
fn vectors(id: u64) -> NamedVectors {
    let mut vectors = Vec::new();
    let mut offer = |text: &str, place: u64, vector: Vector| {
        if number(id, 40 + place, 4) > 0 {
            vectors.push((name(text), vector));
        }
    };
    offer("bits", 4, Vector::Binary(bits(id)));
    offer("bytes", 0, Vector::Dense(row(id)));
    offer("halves", 1, Vector::Dense(row(id + 5)));
    offer("rows", 2, Vector::Multi(rows(id)));
    offer("words", 3, Vector::Sparse(words(id)));
    vectors
}

fn point(id: u64) -> Point {
    Point {
        id: PointId::Num(id),
        vectors: vectors(id),
        payload: Object::new(),
    }
}

fn upsert(ids: impl Iterator<Item = u64>) -> WriteOp {
    WriteOp::Upsert {
        points: ids.map(point).collect(),
        mode: UpsertMode::Upsert,
        condition: None,
    }
}

fn settle(collection: &mut Collection, shelf: &mut Shelf) {
    let policy = JobPolicy {
        idle_seal_rows: 1,
        ..JobPolicy::idle()
    };
    while let Some(job) = collection.next_job(&policy) {
        *collection = collection.install(&shelf.run(job)).unwrap();
    }
}

fn reopened(collection: &Collection, shelf: &Shelf) -> Collection {
    let manifest = collection.manifest().unwrap();
    Collection::restore(manifest, &mut |part| Ok(shelf.open(part))).unwrap()
}

fn stored(collection: &Collection, id: u64) -> NamedVectors {
    let select = Select {
        vectors: VectorSelect::All,
        ..Select::default()
    };
    let records = collection.retrieve(&[PointId::Num(id)], &select).unwrap();
    records[0].vectors.clone().unwrap()
}

fn search(at: &str, to: Vector) -> Search {
    Search {
        collection: CollectionRef::in_default("c").unwrap(),
        rank: Some(Rank::Nearest {
            field: name(at),
            to: VectorQuery::Vector(to),
        }),
        filter: None,
        params: SearchParams::default(),
        score_bound: None,
        prefetch: Vec::new(),
        lookup_from: None,
        limit: 15,
        offset: 0,
        select: Select::default(),
    }
}

fn found(collection: &Collection, search: &Search) -> Vec<(u64, f32)> {
    let hits = collection.search(search, &ScratchPool::new()).unwrap();
    hits.into_iter()
        .map(|hit| match hit.record.id {
            PointId::Num(id) => (id, hit.score),
            PointId::Uuid(_) | PointId::Text(_) => panic!("ids are numbers here"),
        })
        .collect()
}

/// What a query over `ids` should find, by definition.
fn expected(ids: &[u64], at: &str, to: &Vector) -> Vec<(u64, f32)> {
    let squared =
        |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum() };
    let carried: Vec<(u64, Vector)> = ids
        .iter()
        .flat_map(|&id| vectors(id).into_iter().map(move |(n, v)| (id, n, v)))
        .filter(|(_, n, _)| *n == name(at))
        .map(|(id, _, vector)| (id, vector))
        .collect();
    let idf = |index: u32| {
        let has = |vector: &Vector| match vector {
            Vector::Sparse(sparse) => sparse.indices().contains(&index),
            _ => false,
        };
        let df = carried.iter().filter(|(_, vector)| has(vector)).count() as f32;
        (1.0 + (carried.len() as f32 - df + 0.5) / (df + 0.5)).ln()
    };
    let score = |vector: &Vector| match (to, vector) {
        (Vector::Binary(query), Vector::Binary(row)) => {
            let count = |of: fn(u8, u8) -> u8| -> u32 {
                let both = query.iter().zip(row);
                both.map(|(&x, &y)| of(x, y).count_ones()).sum()
            };
            let shared = count(|x, y| x & y) as f32 / count(|x, y| x | y) as f32;
            Some(shared - 1.0)
        }
        (Vector::Dense(query), Vector::Dense(row)) => Some(-squared(query, row)),
        (Vector::Multi(query), Vector::Multi(stored)) => {
            let best = |wanted: &[f32]| {
                let scores = stored.rows().map(|row| -squared(wanted, row));
                scores.fold(f32::NEG_INFINITY, f32::max)
            };
            Some(query.rows().map(best).sum())
        }
        (Vector::Sparse(query), Vector::Sparse(stored)) => {
            let pairs = query.indices().iter().zip(query.values());
            let common: Vec<f32> = pairs
                .filter_map(|(index, value)| {
                    let at = stored.indices().binary_search(index).ok()?;
                    Some(value * idf(*index) * stored.values()[at])
                })
                .collect();
            (!common.is_empty()).then(|| common.iter().sum())
        }
        _ => None,
    };
    let mut scored: Vec<(u64, f32)> = carried
        .iter()
        .filter_map(|(id, vector)| Some((*id, score(vector)?)))
        .collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored.truncate(15);
    scored
}

fn check(collection: &Collection, ids: &[u64]) {
    for &id in ids {
        assert_eq!(stored(collection, id), vectors(id), "point {id}");
    }
    for seed in 1000..1008 {
        for (at, to) in [
            ("bits", Vector::Binary(bits(seed))),
            ("bytes", Vector::Dense(row(seed))),
            ("halves", Vector::Dense(row(seed))),
            ("rows", Vector::Multi(rows(seed))),
            ("words", Vector::Sparse(words(seed))),
        ] {
            let expected = expected(ids, at, &to);
            let found = found(collection, &search(at, to));
            assert_eq!(found.len(), expected.len(), "{at}");
            for ((_, score), (_, wanted)) in found.iter().zip(&expected) {
                let close = (score - wanted).abs() <= 1e-4 * wanted.abs().max(1.0);
                assert!(close, "{at}: {found:?} {expected:?}");
            }
            if at != "words" {
                assert_eq!(found, expected, "{at}");
            }
        }
    }
}

#[test]
fn every_kind_lives_through_growing_sealing_merging_and_reopening() {
    let mut shelf = Shelf::default();
    let mut collection = Collection::create(schema()).unwrap();
    for from in (0..900).step_by(60) {
        collection = collection.apply(&upsert(from..from + 60)).unwrap();
    }
    let mut ids: Vec<u64> = (0..900).collect();
    check(&collection, &ids);
    settle(&mut collection, &mut shelf);
    // The dense fields have graphs, the others never do.
    assert!(collection.indexed_vectors() > 900);
    check(&collection, &ids);
    let target = Target::Ids((100..400).map(PointId::Num).collect());
    collection = collection.apply(&WriteOp::Delete { target }).unwrap();
    collection = collection.apply(&upsert(900..1000)).unwrap();
    ids = (0..100).chain(400..1000).collect();
    check(&collection, &ids);
    settle(&mut collection, &mut shelf);
    check(&collection, &ids);
    check(&reopened(&collection, &shelf), &ids);
}

fn given_bits(id: u64, bits: [u8; 3]) -> Point {
    Point {
        id: PointId::Num(id),
        vectors: vec![(name("bits"), Vector::Binary(bits.to_vec()))],
        payload: [("odd", model::Value::Bool(id % 2 == 1))]
            .into_iter()
            .collect(),
    }
}

#[test]
fn parts_of_bits_find_only_matches() {
    let mut shelf = Shelf::default();
    for (metric, expected) in [
        (Metric::Substructure, [0, 2, 3]),
        (Metric::Superstructure, [0, 1, 4]),
    ] {
        let schema = Schema {
            vectors: vec![field("bits", binary(metric))],
            ..Schema::default()
        };
        let mut collection = Collection::create(schema).unwrap();
        let op = WriteOp::Upsert {
            points: vec![
                given_bits(0, [0b1100, 0, 8]),
                given_bits(1, [0b0100, 0, 0]),
                given_bits(2, [0b1110, 0, 8]),
                given_bits(3, [0b1100, 1, 8]),
                given_bits(4, [0, 0, 0]),
                given_bits(5, [0b0111, 0, 8]),
            ],
            mode: UpsertMode::Upsert,
            condition: None,
        };
        collection = collection.apply(&op).unwrap();
        let mut asked = search("bits", Vector::Binary(vec![0b1100, 0, 8]));
        let all = |ids: &[u64]| ids.iter().map(|&id| (id, 0.0)).collect::<Vec<_>>();
        assert_eq!(found(&collection, &asked), all(&expected));
        settle(&mut collection, &mut shelf);
        assert_eq!(found(&collection, &asked), all(&expected));
        let path = model::FieldPath::parse("odd").unwrap();
        let test = model::filter::Test::Equals(model::filter::Scalar::Bool(true));
        asked.filter = Some(Filter::Field { path, test });
        assert_eq!(found(&collection, &asked).len(), 1);
        let wrong = search("bits", Vector::Binary(vec![0b1100, 0, 1]));
        assert!(collection.search(&wrong, &ScratchPool::new()).is_err());
    }
}

#[test]
fn metrics_fit_their_vectors() {
    let of = |kind| Schema {
        vectors: vec![field("f", kind)],
        ..Schema::default()
    };
    assert!(Collection::create(of(binary(Metric::Dot))).is_err());
    let dim = Dim::new(8).unwrap();
    let floats = VectorKind::Dense {
        dim,
        metric: Metric::Hamming,
        element: Element::F32,
    };
    assert!(Collection::create(of(floats)).is_err());
}

#[test]
fn frequencies_of_a_corpus_count_only_its_points() {
    let mut collection = Collection::create(schema()).unwrap();
    let words = |id: u64, index: u32| Point {
        id: PointId::Num(id),
        vectors: vec![(
            name("words"),
            Vector::Sparse(SparseVector::new(vec![index], vec![1.0]).unwrap()),
        )],
        payload: Object::new(),
    };
    for points in [
        vec![words(1, 5), words(2, 5)],
        vec![words(3, 6), words(4, 7)],
    ] {
        let op = WriteOp::Upsert {
            points,
            mode: UpsertMode::Upsert,
            condition: None,
        };
        collection = collection.apply(&op).unwrap();
    }
    let query = Vector::Sparse(SparseVector::new(vec![5], vec![2.0]).unwrap());
    let mut asked = search("words", query);
    let factor = |n: f32, df: f32| 2.0 * (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
    let near = |found: Vec<(u64, f32)>, wanted: f32| {
        assert_eq!(found.iter().map(|hit| hit.0).collect::<Vec<_>>(), [1, 2]);
        assert!(
            found.iter().all(|hit| (hit.1 - wanted).abs() < 1e-5),
            "{found:?}"
        );
    };
    near(found(&collection, &asked), factor(4.0, 2.0));
    let corpus = [1, 3, 4].map(PointId::Num).to_vec();
    asked.params.idf_corpus = Some(Filter::HasId(corpus));
    near(found(&collection, &asked), factor(3.0, 1.0));
    let plain = ConfigChange {
        vectors: vec![VectorChange {
            name: name("words"),
            index: None,
            index_metric: None,
            quantization: None,
            residency: None,
            modifier: Some(Modifier::None),
        }],
        ..ConfigChange::default()
    };
    collection = collection.apply(&WriteOp::Configure(plain)).unwrap();
    near(found(&collection, &asked), 2.0);
}

fn given(id: u64, at: &str, vector: Vector) -> WriteOp {
    WriteOp::UpdateVectors {
        points: vec![(PointId::Num(id), vec![(name(at), vector)])],
        condition: None,
    }
}

#[test]
fn a_field_of_an_old_name_sees_nothing_of_the_old_vectors() {
    let mut shelf = Shelf::default();
    let mut collection = Collection::create(schema()).unwrap();
    collection = collection.apply(&upsert(0..500)).unwrap();
    settle(&mut collection, &mut shelf);
    collection = collection.apply(&upsert(500..520)).unwrap();
    for op in [
        WriteOp::DropVector(name("halves")),
        WriteOp::DropVector(name("never")),
    ] {
        collection = collection.apply(&op).unwrap();
    }
    let is_gone = |collection: &Collection| {
        let held = |id| stored(collection, id).into_iter().map(|(n, _)| n);
        assert!((0..520).all(|id| held(id).all(|n| n != name("halves"))));
    };
    is_gone(&collection);
    let again = |kind| WriteOp::AddVector(field("halves", kind));
    collection = collection.apply(&again(dense(Element::F32))).unwrap();
    // The same again changes nothing, another kind is refused.
    collection = collection.apply(&again(dense(Element::F32))).unwrap();
    let error = collection
        .apply(&again(sparse(Modifier::None)))
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::AlreadyExists);
    is_gone(&collection);
    let query = || search("halves", Vector::Dense(row(3)));
    assert_eq!(found(&collection, &query()), []);
    for id in [3, 510] {
        let new = given(id, "halves", Vector::Dense(row(id)));
        collection = collection.apply(&new).unwrap();
    }
    let expected = found(&collection, &query());
    assert_eq!(
        expected.iter().map(|hit| hit.0).collect::<Vec<_>>(),
        [3, 510]
    );
    settle(&mut collection, &mut shelf);
    let opened = reopened(&collection, &shelf);
    for collection in [&collection, &opened] {
        assert_eq!(found(collection, &query()), expected);
        assert!(
            stored(collection, 4)
                .iter()
                .all(|(n, _)| *n != name("halves"))
        );
    }
}

/// A job reads the state of its beginning; the fields of the state that it ends in count.
#[test]
fn fields_change_while_jobs_run() {
    let policy = JobPolicy {
        idle_seal_rows: 1,
        ..JobPolicy::idle()
    };
    let mut seen = Vec::new();
    for changes_at in 0..4 {
        let mut shelf = Shelf::default();
        let mut collection = Collection::create(schema()).unwrap();
        collection = collection.apply(&upsert(0..400)).unwrap();
        let mut jobs = 0;
        while let Some(job) = collection.next_job(&policy) {
            let kind = job.kind();
            if jobs == changes_at {
                seen.push(kind);
                for op in [
                    WriteOp::DropVector(name("bytes")),
                    WriteOp::DropVector(name("words")),
                    WriteOp::AddVector(field("bytes", multi(Element::F32))),
                    WriteOp::AddVector(field("early", dense(Element::F32))),
                    given(7, "bytes", Vector::Multi(rows(7))),
                ] {
                    collection = collection.apply(&op).unwrap();
                }
            }
            collection = collection.install(&shelf.run(job)).unwrap();
            jobs += 1;
            if jobs == 3 {
                // Gives the later rounds a merge to interrupt.
                collection = collection.apply(&upsert_rows(400..800)).unwrap();
            }
        }
        if changes_at >= jobs {
            continue;
        }
        let opened = reopened(&collection, &shelf);
        for collection in [&collection, &opened] {
            for id in 0..400 {
                let held = stored(collection, id);
                let names: Vec<&str> = held.iter().map(|(n, _)| n.as_str()).collect();
                let new = names.contains(&"bytes");
                assert_eq!(new, id == 7, "{id}: {names:?}");
                assert!(!names.contains(&"words") && !names.contains(&"early"));
            }
            let hits = found(collection, &search("bytes", Vector::Multi(rows(7))));
            assert_eq!(hits, [(7, -0.0)]);
            let halves = found(collection, &search("halves", Vector::Dense(row(12))));
            assert_eq!(halves.len(), 15);
        }
    }
    assert!(
        seen.contains(&JobKind::Seal) && seen.contains(&JobKind::Graphs),
        "{seen:?}"
    );
}

/// Points that carry only fields which stay.
fn upsert_rows(ids: std::ops::Range<u64>) -> WriteOp {
    let points = ids.map(|id| Point {
        id: PointId::Num(id),
        vectors: vec![(name("rows"), Vector::Multi(rows(id)))],
        payload: Object::new(),
    });
    WriteOp::Upsert {
        points: points.collect(),
        mode: UpsertMode::Upsert,
        condition: None,
    }
}
