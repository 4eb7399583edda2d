//! Indexes of vector fields: what they find, and how the choice among them changes.
#![allow(clippy::unwrap_used)]

mod shelf;

use model::command::{Point, Target};
use model::schema::{VectorChange, VectorField};
use model::{
    ClusterCount, CollectionRef, ConfigChange, Dim, Element, ErrorKind, FieldPath, Filter,
    HnswConfig, IndexChoice, IvfConfig, Metric, Modifier, PointId, PostingsConfig, Quantization,
    Rank, Residency, Scalar, Schema, Search, SearchParams, Select, SparseVector, Test, UpsertMode,
    Value, Vector, VectorKind, VectorName, VectorQuery, WriteOp,
};
use proptest::prelude::*;
use skerry_engine::{Collection, JobKind, JobPolicy, PlanSwitches, ScratchPool};

use shelf::Shelf;

const DIM: usize = 8;

fn mix(seed: u64) -> u64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x1234_5678;
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Around one of twelve centres.
fn dense(seed: u64) -> Vector {
    let noise = |at: u64| (mix(at) % 2001) as f32 / 1000.0 - 1.0;
    let centre = mix(seed + 77) % 12;
    let component = |at: u64| noise(centre * 1000 + at) * 5.0 + noise(seed * 31 + at);
    Vector::Dense((0..DIM as u64).map(component).collect())
}

/// Weights are whole halves, so that no sum of them depends on its order.
fn sparse(seed: u64, length: u64) -> Vector {
    let mut indices: Vec<u32> = (0..length)
        .map(|at| (mix(seed * 40 + at) % 50) as u32)
        .collect();
    indices.sort_unstable();
    indices.dedup();
    let weight = |&index: &u32| (mix(seed + u64::from(index)) % 9) as f32 / 2.0 - 1.5;
    let values = indices.iter().map(weight).collect();
    Vector::Sparse(SparseVector::new(indices, values).unwrap())
}

fn schema(kind: VectorKind, index: Option<IndexChoice>) -> Schema {
    let field = VectorField {
        name: VectorName::default(),
        since: 0,
        kind,
        index,
        index_metric: None,
        quantization: None,
        residency: Residency::Mapped,
    };
    let mut schema = Schema {
        vectors: vec![field],
        hnsw: HnswConfig {
            full_scan_threshold_kb: 1,
            ..HnswConfig::default()
        },
        ..Schema::default()
    };
    schema.segments.indexing_threshold_kb = 1;
    schema
}

fn rows() -> VectorKind {
    VectorKind::Dense {
        dim: Dim::new(DIM as u64).unwrap(),
        metric: Metric::L2,
        element: Element::F32,
    }
}

fn lists(clusters: u32) -> IndexChoice {
    IndexChoice::Ivf(IvfConfig {
        clusters: ClusterCount::Fixed(clusters),
    })
}

fn upsert(ids: std::ops::Range<u64>, vector: impl Fn(u64) -> Vector) -> WriteOp {
    let points = ids.map(|id| Point {
        id: PointId::Num(id),
        vectors: vec![(VectorName::default(), vector(id))],
        payload: [("n", Value::Int((id % 10) as i64))].into_iter().collect(),
    });
    WriteOp::Upsert {
        points: points.collect(),
        mode: UpsertMode::Upsert,
        condition: None,
    }
}

fn settle(collection: &mut Collection, shelf: &mut Shelf) -> Vec<JobKind> {
    let policy = JobPolicy {
        idle_seal_rows: 1,
        ..JobPolicy::idle()
    };
    let mut kinds = Vec::new();
    while let Some(job) = collection.next_job(&policy) {
        kinds.push(job.kind());
        *collection = collection.install(&shelf.run(job)).unwrap();
    }
    kinds
}

fn reopened(collection: &Collection, shelf: &Shelf) -> Collection {
    let manifest = collection.manifest().unwrap();
    Collection::restore(manifest, &mut |part| Ok(shelf.open(part))).unwrap()
}

fn below(n: i64) -> Filter {
    let path = FieldPath::parse("n").unwrap();
    let numbers = (0..n).map(Scalar::Int).collect();
    Filter::Field {
        path,
        test: Test::In(numbers),
    }
}

fn search(to: Vector, filter: Option<Filter>, params: SearchParams) -> Search {
    Search {
        collection: CollectionRef::in_default("c").unwrap(),
        rank: Some(Rank::Nearest {
            field: VectorName::default(),
            to: VectorQuery::Vector(to),
        }),
        filter,
        params,
        score_bound: None,
        prefetch: Vec::new(),
        lookup_from: None,
        limit: 10,
        offset: 0,
        select: Select::default(),
    }
}

fn found(collection: &Collection, search: &Search) -> Vec<(PointId, u32)> {
    let switches = PlanSwitches::default();
    let hits = collection.search_with(search, &ScratchPool::new(), switches);
    let hits = hits.unwrap().into_iter();
    hits.map(|hit| (hit.record.id, hit.score.to_bits()))
        .collect()
}

fn exact() -> SearchParams {
    SearchParams {
        exact: true,
        ..SearchParams::default()
    }
}

fn probing(nprobe: u32) -> SearchParams {
    SearchParams {
        nprobe: Some(nprobe),
        ..SearchParams::default()
    }
}

fn choose(index: Option<IndexChoice>, quantization: Option<Quantization>) -> WriteOp {
    WriteOp::Configure(ConfigChange {
        vectors: vec![VectorChange {
            name: VectorName::default(),
            index: Some(index),
            index_metric: None,
            quantization: Some(quantization),
            residency: None,
            modifier: None,
        }],
        ..ConfigChange::default()
    })
}

/// Whatever an index is built for, searches by that metric go through it and those by the field's
/// compare the rows.
#[test]
fn an_index_for_another_metric_serves_the_searches_by_it() {
    let graph = IndexChoice::Graph(HnswConfig::default());
    let scalar = Quantization::Scalar { quantile: None };
    for metric in [Metric::Dot, Metric::Cosine, Metric::L1] {
        for (index, codes) in [
            (graph, None),
            (graph, Some(scalar)),
            (lists(12), None),
            (lists(12), Some(scalar)),
        ] {
            let mut shelf = Shelf::default();
            let mut collection =
                Collection::create(schema(rows(), Some(IndexChoice::Exact))).unwrap();
            collection = collection.apply(&upsert(0..2000, dense)).unwrap();
            settle(&mut collection, &mut shelf);
            let WriteOp::Configure(mut change) = choose(Some(index), codes) else {
                unreachable!("settings are changed by such an operation")
            };
            change.vectors[0].index_metric = Some(Some(metric));
            collection = collection.apply(&WriteOp::Configure(change)).unwrap();
            settle(&mut collection, &mut shelf);
            assert_serves(&collection, metric);
            assert_serves(&reopened(&collection, &shelf), metric);
        }
    }
}

fn assert_serves(collection: &Collection, metric: Metric) {
    let indexed = SearchParams {
        indexed_only: true,
        nprobe: Some(4),
        ..SearchParams::default()
    };
    let by = |params| SearchParams {
        metric: Some(metric),
        ..params
    };
    let (mut hits, mut wanted) = (0, 0);
    for at in 5000..5030 {
        let expected = found(collection, &search(dense(at), None, by(exact())));
        let walked = found(collection, &search(dense(at), None, by(indexed.clone())));
        assert_eq!(walked.len(), expected.len());
        wanted += expected.len();
        hits += walked.iter().filter(|hit| expected.contains(hit)).count();
        let own = found(collection, &search(dense(at), None, indexed.clone()));
        assert_eq!(own, [], "no index serves the field's own metric");
    }
    assert!(hits * 100 >= wanted * 95, "{metric:?}: {hits} of {wanted}");
}

#[test]
fn indexes_are_built_for_metrics_of_components_only() {
    let by = |kind, metric| {
        let mut schema = schema(kind, None);
        schema.vectors[0].index_metric = Some(metric);
        Collection::create(schema).map(|_| ())
    };
    let bits = by(rows(), Metric::Hamming).unwrap_err();
    assert_eq!(bits.kind, ErrorKind::Invalid);
    let sparse = VectorKind::Sparse {
        modifier: Modifier::None,
    };
    assert_eq!(
        by(sparse, Metric::Dot).unwrap_err().kind,
        ErrorKind::Invalid
    );
    by(rows(), Metric::Dot).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn postings_answer_as_the_scan_does(
        rows in 60_u64..900,
        gone in 0_u64..60,
        seed in 0_u64..1000,
        idf in any::<bool>(),
    ) {
        let modifier = if idf { Modifier::Idf } else { Modifier::None };
        let few = IndexChoice::Postings(PostingsConfig { full_scan_rows: 20 });
        let schema = |index| schema(VectorKind::Sparse { modifier }, Some(index));
        let mut with = Collection::create(schema(few)).unwrap();
        let mut without = Collection::create(schema(IndexChoice::Exact)).unwrap();
        let mut shelf = Shelf::default();
        let mut other_shelf = Shelf::default();
        let length = |id: u64| mix(id + seed) % 9;
        let write = |ids| upsert(ids, |id| sparse(id + seed, length(id)));
        let gone = gone.min(rows / 2);
        let target = Target::Ids((0..gone).map(|id| PointId::Num(id * 7 % rows)).collect());
        for op in [write(0..rows), WriteOp::Delete { target }, write(rows..rows + 9)] {
            with = with.apply(&op).unwrap();
            without = without.apply(&op).unwrap();
            if gone % 2 == 0 {
                settle(&mut with, &mut shelf);
                settle(&mut without, &mut other_shelf);
            }
        }
        settle(&mut with, &mut shelf);
        prop_assert!(with.indexed_vectors() > 0);
        prop_assert_eq!(without.indexed_vectors(), 0);
        let opened = reopened(&with, &shelf);
        for number in 0..6 {
            let to = sparse(seed + 5000 + number, 12);
            for filter in [None, Some(below(6)), Some(Filter::Not(Box::new(below(2))))] {
                let asked = search(to.clone(), filter.clone(), SearchParams::default());
                let expected = found(&without, &asked);
                prop_assert_eq!(found(&with, &asked), expected.clone());
                prop_assert_eq!(found(&opened, &asked), expected.clone());
                let scanned = search(to.clone(), filter, exact());
                prop_assert_eq!(found(&with, &scanned), expected);
            }
        }
    }
}

#[test]
fn lists_are_exact_when_all_are_looked_through() {
    let mut shelf = Shelf::default();
    let mut collection = Collection::create(schema(rows(), Some(lists(40)))).unwrap();
    collection = collection.apply(&upsert(0..3000, dense)).unwrap();
    assert!(settle(&mut collection, &mut shelf).contains(&JobKind::Graphs));
    assert_eq!(collection.indexed_vectors(), 3000);
    let target = Target::Ids((100..400).map(PointId::Num).collect());
    collection = collection.apply(&WriteOp::Delete { target }).unwrap();
    let opened = {
        let mut collection = collection.clone();
        settle(&mut collection, &mut shelf);
        reopened(&collection, &shelf)
    };
    let mut shared = [0, 0];
    for seed in 9000..9030 {
        for filter in [None, Some(below(7)), Some(below(1))] {
            let by = |params| search(dense(seed), filter.clone(), params);
            let expected = found(&collection, &by(exact()));
            for collection in [&collection, &opened] {
                assert_eq!(found(collection, &by(probing(40))), expected);
                assert_eq!(found(collection, &by(probing(1))).len(), 10);
            }
            for (shared, params) in shared.iter_mut().zip([probing(1), SearchParams::default()]) {
                let near = found(&collection, &by(params));
                *shared += near.iter().filter(|hit| expected.contains(hit)).count();
            }
        }
    }
    let [one, default] = shared;
    assert!(default >= 855, "{default} of 900");
    assert!(one <= default, "{one} of one list, {default} of several");
}

#[test]
fn the_index_of_a_live_field_changes() {
    let mut shelf = Shelf::default();
    let mut collection = Collection::create(schema(rows(), None)).unwrap();
    collection = collection.apply(&upsert(0..2000, dense)).unwrap();
    settle(&mut collection, &mut shelf);
    let expected = found(&collection, &search(dense(7), None, exact()));
    let scalar = Quantization::Scalar { quantile: None };
    for (index, codes, built, indexed) in [
        (Some(lists(30)), None, true, 2000),
        (Some(lists(30)), Some(scalar), true, 2000),
        (Some(lists(31)), Some(scalar), true, 2000),
        (Some(IndexChoice::Exact), None, false, 0),
        (None, None, true, 2000),
    ] {
        collection = collection.apply(&choose(index, codes)).unwrap();
        // What is there serves until what is wanted is built.
        let asked = search(dense(7), None, probing(30));
        assert_eq!(found(&collection, &asked), expected);
        let jobs = settle(&mut collection, &mut shelf);
        assert_eq!(jobs.contains(&JobKind::Graphs), built, "{index:?}");
        assert_eq!(collection.indexed_vectors(), indexed);
        assert_eq!(found(&collection, &asked), expected);
        let opened = reopened(&collection, &shelf);
        assert_eq!(found(&opened, &asked), expected);
        // One index a field: what it replaces is let go.
        assert!(opened.parts().count() <= 2);
    }
}

#[test]
fn an_index_of_another_kind_of_vectors_is_refused() {
    let postings = IndexChoice::Postings(PostingsConfig::default());
    let words = VectorKind::Sparse {
        modifier: Modifier::None,
    };
    let none = IndexChoice::Ivf(IvfConfig {
        clusters: ClusterCount::Fixed(0),
    });
    for (kind, index) in [
        (rows(), postings),
        (rows(), none),
        (words, lists(5)),
        (words, IndexChoice::Graph(HnswConfig::default())),
    ] {
        assert!(Collection::create(schema(kind, Some(index))).is_err());
        let collection = Collection::create(schema(kind, None)).unwrap();
        assert!(collection.apply(&choose(Some(index), None)).is_err());
    }
}
