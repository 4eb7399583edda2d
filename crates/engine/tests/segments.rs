//! Life of segments: sealing, merging, indexing, reopening, and what searches find meanwhile.
#![allow(clippy::unwrap_used)]

mod shelf;

use model::command::{Point, Target};
use model::filter::{Range, Test};
use model::query::{PayloadSelect, VectorSelect};
use model::schema::{FieldIndex, IndexParams, SegmentConfig, VectorField};
use model::{
    CodeBits, CodeUse, CollectionName, CollectionRef, ConfigChange, Dim, Element, ErrorKind,
    FieldKind, FieldPath, Filter, HnswConfig, Metric, Object, PointId, Quantization, QueryBits,
    Rank, Residency, Schema, Search, SearchParams, Select, Shape, Status, Subject, UpsertMode,
    Value, Vector, VectorKind, VectorName, VectorQuery, WriteOp,
};
use proptest::prelude::*;
use skerry_engine::{
    Blocks, Collection, JobKind, JobPolicy, Plan, PlanSwitches, Progress, ScratchPool,
};

use shelf::Shelf;

const DIM: usize = 16;

fn schema(metric: Metric) -> Schema {
    let kind = VectorKind::Dense {
        dim: Dim::new(DIM as u64).unwrap(),
        metric,
        element: Element::F32,
    };
    let params = IndexParams::new(FieldKind::Integer);
    Schema {
        vectors: vec![VectorField {
            name: VectorName::default(),
            since: 0,
            kind,
            index: None,
            index_metric: None,
            quantization: None,
            residency: Residency::Mapped,
        }],
        indexes: vec![FieldIndex {
            path: FieldPath::field("n"),
            params,
        }],
        hnsw: HnswConfig {
            m: 16,
            ef_construct: 100,
            full_scan_threshold_kb: 8,
        },
        segments: SegmentConfig {
            indexing_threshold_kb: 8,
            ..SegmentConfig::default()
        },
        ..Schema::default()
    }
}

/// Filters are evaluated anew when a plan is switched off, and remembered otherwise.
fn switches(without: Option<Plan>) -> PlanSwitches {
    PlanSwitches {
        without,
        without_memory: without.is_some(),
    }
}

/// Numbers that look random and are the same in every run.
fn noise(seed: u64) -> f32 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66;
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
}

fn vector(seed: u64) -> Vec<f32> {
    (0..DIM as u64).map(|at| noise(seed * 1000 + at)).collect()
}

fn point(id: u64, seed: u64) -> Point {
    Point {
        id: PointId::Num(id),
        vectors: vec![(VectorName::default(), Vector::Dense(vector(seed)))],
        payload: [("n", Value::Int(id as i64 % 100))].into_iter().collect(),
    }
}

fn upsert(points: Vec<Point>) -> WriteOp {
    WriteOp::Upsert {
        points,
        mode: UpsertMode::Upsert,
        condition: None,
    }
}

fn filled(metric: Metric, rows: u64) -> Collection {
    let mut collection = Collection::create(schema(metric)).unwrap();
    for from in (0..rows).step_by(100) {
        let points = (from..rows.min(from + 100))
            .map(|id| point(id, id))
            .collect();
        collection = collection.apply(&upsert(points)).unwrap();
    }
    collection
}

/// Runs jobs until none is due; returns what they were.
fn settle(collection: &mut Collection, shelf: &mut Shelf, policy: &JobPolicy) -> Vec<JobKind> {
    let mut kinds = Vec::new();
    while let Some(job) = collection.next_job(policy) {
        kinds.push(job.kind());
        *collection = collection.install(&shelf.run(job)).unwrap();
        assert!(kinds.len() < 100, "the jobs do not end: {kinds:?}");
    }
    kinds
}

fn nearest(seed: u64, limit: usize) -> Search {
    let to = VectorQuery::Vector(Vector::Dense(vector(seed)));
    Search {
        collection: CollectionRef::in_default("c").unwrap(),
        rank: Some(Rank::Nearest {
            field: VectorName::default(),
            to,
        }),
        filter: None,
        params: SearchParams::default(),
        score_bound: None,
        prefetch: Vec::new(),
        lookup_from: None,
        limit,
        offset: 0,
        select: Select::default(),
    }
}

fn found(collection: &Collection, search: &Search, without: Option<Plan>) -> Vec<(PointId, f32)> {
    let scratch = ScratchPool::new();
    let hits = collection
        .search_with(search, &scratch, switches(without))
        .unwrap();
    hits.into_iter()
        .map(|hit| (hit.record.id, hit.score))
        .collect()
}

fn n_below(n: f64) -> Filter {
    let test = Test::Range(Range {
        lt: Some(n),
        ..Range::default()
    });
    Filter::Field {
        path: FieldPath::field("n"),
        test,
    }
}

#[test]
fn a_load_ends_as_one_indexed_segment() {
    let mut shelf = Shelf::default();
    let busy = JobPolicy {
        seal_rows: 1000,
        ..JobPolicy::default()
    };
    let mut collection = Collection::create(schema(Metric::Cosine)).unwrap();
    for from in (0..3600).step_by(100) {
        let points = (from..from + 100).map(|id| point(id, id)).collect();
        collection = collection.apply(&upsert(points)).unwrap();
        for kind in settle(&mut collection, &mut shelf, &busy) {
            assert_eq!(
                kind,
                JobKind::Seal,
                "nothing else is done while writes arrive"
            );
        }
    }
    let name = CollectionName::new("c").unwrap();
    assert_eq!(collection.growing().rows, 600);
    assert_eq!(collection.info(&name).status, Status::Optimizing);
    let idle = JobPolicy {
        idle_seal_rows: 1,
        ..JobPolicy::idle()
    };
    let kinds = settle(&mut collection, &mut shelf, &idle);
    assert_eq!(kinds, [JobKind::Seal, JobKind::Merge, JobKind::Graphs]);
    let info = collection.info(&name);
    assert_eq!(info.status, Status::Ready);
    assert_eq!(
        (info.segments, info.points, info.indexed_vectors),
        (1, 3600, 3600)
    );
    assert_eq!(info.index_points, [(FieldPath::field("n"), 3600)]);
}

#[test]
fn walks_find_what_scans_find_and_every_plan_gives_the_same_scores() {
    for metric in [Metric::Cosine, Metric::L2, Metric::L1, Metric::Dot] {
        let mut collection = filled(metric, 3000);
        settle(&mut collection, &mut Shelf::default(), &JobPolicy::idle());
        // Some of the indexed rows deleted, some written anew and growing.
        let deleted = (0..300).map(|n| PointId::Num(n * 7)).collect();
        let delete = WriteOp::Delete {
            target: Target::Ids(deleted),
        };
        collection = collection.apply(&delete).unwrap();
        collection = collection
            .apply(&upsert(
                (0..200).map(|n| point(n * 11, n + 50_000)).collect(),
            ))
            .unwrap();
        for filter in [None, Some(n_below(50.0)), Some(n_below(2.0))] {
            let (mut hits, mut wanted) = (0, 0);
            for seed in 0..20 {
                let ask = Search {
                    filter: filter.clone(),
                    ..nearest(90_000 + seed, 10)
                };
                let exact = SearchParams {
                    exact: true,
                    ..SearchParams::default()
                };
                let expected = found(
                    &collection,
                    &Search {
                        params: exact,
                        ..ask.clone()
                    },
                    None,
                );
                assert_eq!(expected.len(), 10);
                let small = SearchParams {
                    ef: Some(64),
                    ..SearchParams::default()
                };
                let ask = Search {
                    params: small,
                    ..ask
                };
                for without in [None, Some(Plan::Scan), Some(Plan::FilteredScan)] {
                    let got = found(&collection, &ask, without);
                    assert!(got.is_sorted_by(|a, b| a.1 >= b.1));
                    wanted += expected.len();
                    hits += got.iter().filter(|hit| expected.contains(hit)).count();
                }
            }
            assert!(
                hits * 100 >= wanted * 97,
                "{metric:?} {filter:?}: {hits} of {wanted}"
            );
        }
    }
}

#[test]
fn single_writes_leave_few_segments_and_no_dead_rows_behind() {
    for (tidies, segments_max) in [(true, 20), (false, 50)] {
        let mut collection = Collection::create(schema(Metric::Dot)).unwrap();
        for step in 0..1000 {
            // Every point is written twice.
            let write = upsert(vec![point(step % 500, step)]);
            collection = collection.apply(&write).unwrap();
            if tidies && let Some(tidied) = collection.tidied().unwrap() {
                assert_eq!(tidied.points(), collection.points());
                assert!(tidied.tidied().unwrap().is_none());
                collection = tidied;
            }
            let segments = collection.segment_count();
            assert!(segments <= segments_max, "{segments} after {step} writes");
        }
        assert_eq!(collection.points(), 500);
        let bytes_per_row = collection.growing().bytes / collection.growing().rows;
        assert!(bytes_per_row < 3 * 4 * DIM as u64, "{bytes_per_row} bytes");
    }
}

#[test]
fn a_cancelled_job_changes_nothing() {
    struct Cancelled;
    impl Progress for Cancelled {
        fn report(&self, _done: u64, _total: u64) {}

        fn is_cancelled(&self) -> bool {
            true
        }
    }
    let collection = filled(Metric::L2, 1200);
    let job = collection.next_job(&JobPolicy::idle()).unwrap();
    let error = job.run(&Cancelled).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
}

#[test]
fn indexed_only_leaves_growing_rows_out() {
    let mut collection = filled(Metric::L2, 1200);
    let only = SearchParams {
        indexed_only: true,
        ..SearchParams::default()
    };
    let ask = Search {
        params: only,
        ..nearest(7, 3)
    };
    assert_eq!(found(&collection, &ask, None), []);
    settle(&mut collection, &mut Shelf::default(), &JobPolicy::idle());
    assert_eq!(found(&collection, &ask, None)[0], (PointId::Num(7), 0.0));
    collection = collection.apply(&upsert(vec![point(9999, 7)])).unwrap();
    assert_eq!(found(&collection, &ask, None)[0], (PointId::Num(7), 0.0));
    assert_eq!(
        found(&collection, &nearest(7, 3), None)[1],
        (PointId::Num(9999), 0.0)
    );
}

#[test]
fn a_graph_of_other_parameters_is_rebuilt_and_one_of_none_is_not_used() {
    let mut shelf = Shelf::default();
    let mut collection = filled(Metric::L2, 1200);
    settle(&mut collection, &mut shelf, &JobPolicy::idle());
    let change = |m| {
        let hnsw = HnswConfig {
            m,
            ef_construct: 50,
            full_scan_threshold_kb: 8,
        };
        WriteOp::Configure(ConfigChange {
            hnsw: Some(hnsw),
            ..ConfigChange::default()
        })
    };
    collection = collection.apply(&change(8)).unwrap();
    assert_eq!(
        settle(&mut collection, &mut shelf, &JobPolicy::idle()),
        [JobKind::Graphs]
    );
    collection = collection.apply(&change(0)).unwrap();
    assert_eq!(settle(&mut collection, &mut shelf, &JobPolicy::idle()), []);
    let only = SearchParams {
        indexed_only: true,
        ..SearchParams::default()
    };
    assert_eq!(
        found(
            &collection,
            &Search {
                params: only,
                ..nearest(7, 3)
            },
            None
        ),
        []
    );
}

#[test]
fn codes_of_a_quantised_field_are_rebuilt_when_they_change_and_used_as_asked() {
    let mut shelf = Shelf::default();
    let mut collection = filled(Metric::L2, 1200);
    settle(&mut collection, &mut shelf, &JobPolicy::idle());
    let by = |change: &dyn Fn(&mut CodeUse)| {
        // With few candidates a walk costs less than a scan of so few rows, which would be exact.
        let mut params = SearchParams {
            ef: Some(20),
            ..SearchParams::default()
        };
        change(&mut params.codes);
        Search {
            params,
            ..nearest(7, 5)
        }
    };
    let exact = found(&collection, &nearest(7, 5), None);
    let estimates = by(&|codes| codes.rescore = Some(false));
    // Nothing is quantised: there is nothing to be asked of codes.
    assert_eq!(found(&collection, &estimates, None), exact);
    let signs = Quantization::Binary {
        bits: CodeBits::One,
        query: QueryBits::Auto,
    };
    let mut configure = |quantization: Option<Quantization>, jobs: &[JobKind]| {
        let change = ConfigChange {
            quantization: Some(quantization),
            ..ConfigChange::default()
        };
        collection = collection.apply(&WriteOp::Configure(change)).unwrap();
        let done = settle(&mut collection, &mut shelf, &JobPolicy::idle());
        assert_eq!(done, jobs, "{quantization:?}");
        collection.clone()
    };
    let quantised = configure(Some(signs), &[JobKind::Graphs]);
    let wide = by(&|codes| codes.oversampling = Some(100.0));
    assert_eq!(found(&quantised, &wide, None), exact);
    assert_ne!(found(&quantised, &estimates, None), exact);
    let ignored = by(&|codes| {
        codes.ignore = true;
        codes.rescore = Some(false);
    });
    assert_eq!(found(&quantised, &ignored, None), exact);
    // How queries are seen is no matter of what is stored.
    let coarse = Quantization::Binary {
        bits: CodeBits::One,
        query: QueryBits::One,
    };
    let coarse = configure(Some(coarse), &[]);
    assert_ne!(
        found(&coarse, &estimates, None),
        found(&quantised, &estimates, None)
    );
    let none = configure(None, &[JobKind::Graphs]);
    assert_eq!(found(&none, &estimates, None), exact);
}

#[test]
fn hollow_segments_are_rewritten_and_dead_ones_dropped() {
    let mut shelf = Shelf::default();
    let mut collection = filled(Metric::L2, 1200);
    settle(&mut collection, &mut shelf, &JobPolicy::idle());
    let delete = |below| WriteOp::Delete {
        target: Target::Filter(n_below(below)),
    };
    collection = collection.apply(&delete(50.0)).unwrap();
    assert_eq!(
        settle(&mut collection, &mut shelf, &JobPolicy::idle()),
        [JobKind::Merge]
    );
    assert_eq!(collection.points(), 600);
    collection = collection.apply(&delete(100.0)).unwrap();
    assert_eq!(
        settle(&mut collection, &mut shelf, &JobPolicy::default()),
        [JobKind::Merge]
    );
    let info = collection.info(&CollectionName::new("c").unwrap());
    assert_eq!((info.points, info.segments), (0, 0));
    assert_eq!(collection.manifest().unwrap().segments, []);
}

#[test]
fn an_index_made_late_gets_its_column_and_loses_it_when_dropped() {
    let mut shelf = Shelf::default();
    let mut collection = filled(Metric::L2, 1200);
    settle(&mut collection, &mut shelf, &JobPolicy::idle());
    let index = |kind| {
        let params = IndexParams::new(kind);
        WriteOp::CreateIndex(FieldIndex {
            path: FieldPath::field("n"),
            params,
        })
    };
    collection = collection.apply(&index(FieldKind::Float)).unwrap();
    // A job begun before the index is dropped must not bring its column back.
    let job = collection.next_job(&JobPolicy::idle()).unwrap();
    assert_eq!(job.kind(), JobKind::Columns);
    let done = shelf.run(job);
    let built = collection.install(&done).unwrap();
    assert_eq!(built.manifest().unwrap().segments[0].parts.len(), 3);
    assert!(built.next_job(&JobPolicy::idle()).is_none());
    let dropped = collection
        .apply(&WriteOp::DropIndex(FieldPath::field("n")))
        .unwrap();
    let installed = dropped.install(&done).unwrap();
    assert_eq!(installed.manifest().unwrap().segments[0].parts.len(), 2);
    assert_eq!(installed.count(Some(&n_below(10.0)), true).unwrap(), 120);
}

#[test]
fn offsets_thresholds_and_queries_by_point() {
    let collection = filled(Metric::L2, 50);
    let all = found(&collection, &nearest(3, 50), None);
    assert_eq!(all.len(), 50);
    let part = Search {
        offset: 5,
        ..nearest(3, 10)
    };
    assert_eq!(found(&collection, &part, None), all[5..15]);
    // Strictly below: the point exactly at the distance is dropped.
    let above = Search {
        score_bound: Some((-all[9].1).sqrt()),
        ..nearest(3, 50)
    };
    assert_eq!(found(&collection, &above, None), all[..9]);
    let to = VectorQuery::Point(PointId::Num(3));
    let rank = Some(Rank::Nearest {
        field: VectorName::default(),
        to,
    });
    let by_point = Search {
        rank,
        ..nearest(3, 10)
    };
    assert_eq!(found(&collection, &by_point, None), all[1..11]);
    let to = VectorQuery::Point(PointId::Num(999));
    let rank = Some(Rank::Nearest {
        field: VectorName::default(),
        to,
    });
    let error = collection.search(
        &Search {
            rank,
            ..nearest(3, 1)
        },
        &ScratchPool::new(),
    );
    assert_eq!(
        error.unwrap_err().subject,
        Subject::Point(PointId::Num(999))
    );
}

#[test]
fn vectors_that_do_not_fit_are_refused_whole() {
    let collection = filled(Metric::Cosine, 10);
    let with = |name: &str, vector| {
        let vectors = vec![(VectorName::new(name).unwrap(), vector)];
        upsert(vec![
            point(77, 1),
            Point {
                vectors,
                ..point(78, 1)
            },
        ])
    };
    let mut nan = vector(1);
    nan[3] = f32::NAN;
    for (op, subject) in [
        (
            with("", Vector::Dense(vec![1.0])),
            Subject::Dimension {
                expected: 16,
                got: 1,
            },
        ),
        (
            with("x", Vector::Dense(vector(1))),
            Subject::VectorField("x".into()),
        ),
        (with("", Vector::Dense(nan)), Subject::Request),
        (
            with("", Vector::Binary(vec![1])),
            Subject::Shape {
                expected: Shape::Dense,
                got: Shape::Binary,
            },
        ),
        (
            with("", Vector::Dense(vec![f32::MAX; DIM])),
            Subject::Request,
        ),
    ] {
        let error = collection.apply(&op).unwrap_err();
        assert_eq!((error.kind, error.subject), (ErrorKind::Invalid, subject));
    }
}

#[test]
fn a_repeated_id_of_one_upsert_wins_last_and_versions_count_operations() {
    let collection = filled(Metric::Dot, 10);
    let first = point(3, 1);
    let last = Point {
        payload: Object::new(),
        ..point(3, 2)
    };
    let next = collection.apply(&upsert(vec![first, last])).unwrap();
    let select = Select {
        payload: PayloadSelect::All,
        vectors: VectorSelect::All,
    };
    let records = next.retrieve(&[PointId::Num(3)], &select).unwrap();
    assert_eq!(
        (next.points(), next.operation(), records[0].version),
        (10, 2, 2)
    );
    assert_eq!(records[0].payload, Some(Object::new()));
    assert_eq!(
        records[0].vectors.as_ref().unwrap()[0].1,
        Vector::Dense(vector(2))
    );
    assert_eq!(
        collection.retrieve(&[PointId::Num(3)], &select).unwrap()[0].version,
        1
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever happens to stored bytes: an error or other answers, never a panic.
    #[test]
    fn damaged_parts_never_panic(
        part: prop::sample::Index, block: prop::sample::Index, at: prop::sample::Index,
        flip in 1_u8.., cut: bool,
    ) {
        let mut shelf = Shelf::default();
        let mut collection = filled(Metric::L2, 1000);
        let text = Point { id: PointId::Text("ä".into()), ..point(0, 5) };
        let uuid = Point { id: PointId::Uuid([9; 16]), vectors: Vec::new(), ..point(0, 5) };
        collection = collection.apply(&upsert(vec![text, uuid])).unwrap();
        settle(&mut collection, &mut shelf, &JobPolicy::idle());
        let manifest = collection.manifest().unwrap();
        let parts = &manifest.segments[0].parts;
        let hit = parts[part.index(parts.len())].key.clone();
        let restored = Collection::restore(manifest, &mut |part| {
            let mut blocks = shelf.contents()[&part.key].clone();
            if part.key == hit {
                let position = block.index(blocks.len());
                let bytes = &mut blocks[position].1;
                let mut damaged = bytes.to_vec();
                if !damaged.is_empty() {
                    let at = at.index(damaged.len());
                    damaged[at] ^= flip;
                    damaged.truncate(if cut { at } else { damaged.len() });
                }
                *bytes = damaged.into();
            }
            Ok(Blocks::new(blocks))
        });
        if let Ok(restored) = restored {
            let select = Select { payload: PayloadSelect::All, vectors: VectorSelect::All };
            let _ = restored.scroll(Some(&n_below(50.0)), None, 10_000, None, &select);
            let _ = restored.search(&nearest(3, 10), &ScratchPool::new());
            let _ = restored.apply(&upsert(vec![point(3, 3)]));
        }
    }
}
