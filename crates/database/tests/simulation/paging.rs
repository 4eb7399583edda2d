//! A reader that reads rows by pages answers as one that holds them all.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use database::{Options, Paging};
use model::query::{PayloadSelect, VectorSelect};
use model::{
    BoxFuture, Command, Dim, Error, ErrorKind, FieldPath, Filter, Groups, LookupFrom, Object,
    Point, PointId, Query, Rank, Reply, Scalar, Schema, Search, SearchParams, Select, Strategy,
    Target, Test, UpsertMode, Value, Vector, VectorName, VectorQuery, WriteOp,
};
use storage::{
    Blob, BlobError, BlobKey, BlobMeta, BlobStore, BlobStoreExt, Body, GetOptions, ListOptions,
    PutIf,
};
use testkit::{MapStore, SplitMix, block_on};

use crate::world::{World, at, schema};

const DIM: usize = 128;
const POINTS: u64 = 6_000;
const ROWS_BYTES: u64 = POINTS * DIM as u64 * 4;

/// A store that cannot map, and counts what is read from it.
#[derive(Default)]
struct Counted {
    objects: MapStore,
    bytes: AtomicU64,
}

impl Counted {
    /// The bytes that were read since this was asked the last time.
    fn read(&self) -> u64 {
        self.bytes.swap(0, Ordering::Relaxed)
    }

    /// The part file with the rows.
    fn rows(&self) -> BlobKey {
        let keys = self.objects.keys().into_iter();
        let parts = keys.filter(|key| key.contains("/parts/") || key.contains("/seg/"));
        let sized = parts.map(|key| {
            let key = BlobKey::new(&key).unwrap();
            (block_on(self.objects.size(&key)).unwrap(), key)
        });
        sized.max().expect("rows are stored").1
    }
}

impl BlobStore for Counted {
    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>> {
        self.objects.put(key, body, when)
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>> {
        Box::pin(async move {
            let blob = self.objects.get(key, options).await?;
            self.bytes
                .fetch_add(blob.bytes.len() as u64, Ordering::Relaxed);
            Ok(blob)
        })
    }

    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        self.objects.size(key)
    }

    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>> {
        self.objects.list(options)
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>> {
        self.objects.delete(key)
    }
}

fn noise(seed: u64) -> Vec<f32> {
    let mut random = SplitMix::new(seed);
    (0..DIM).map(|_| random.unit() - 0.5).collect()
}

fn point(id: u64) -> Point {
    let payload = [
        ("tenth", Value::Int((id % 10) as i64)),
        ("rare", Value::Int((id % 200) as i64)),
    ];
    Point {
        id: id.into(),
        vectors: vec![(VectorName::default(), Vector::Dense(noise(id)))],
        payload: payload.into_iter().collect::<Object>(),
    }
}

/// A sealed segment with a graph, and after its checkpoint: a point whose payload changed, one
/// that is gone, one that is new.
fn stored() -> Arc<Counted> {
    let store = Arc::new(Counted::default());
    let world = World::open_with(store.clone(), 1, Options::default()).unwrap();
    let mut schema: Schema = schema();
    if let model::VectorKind::Dense { dim, .. } = &mut schema.vectors[0].kind {
        *dim = Dim::new(DIM as u64).unwrap();
    }
    schema.segments.indexing_threshold_kb = 1000;
    // What holds all rows is to walk too.
    schema.hnsw.full_scan_threshold_kb = 1;
    let (collection, other) = (at("a"), at("other"));
    for (collection, schema) in [(collection, schema.clone()), (other, schema)] {
        world
            .execute(Command::CreateCollection { collection, schema })
            .unwrap();
    }
    world.write("a", vec![upsert(0..POINTS)]).unwrap();
    world.host.run_until_idle();
    assert_eq!(world.info("a").indexed_vectors, POINTS, "there is a graph");
    world.write("other", vec![upsert(0..3)]).unwrap();
    let changed = WriteOp::SetPayload {
        target: Target::Ids(vec![PointId::Num(17)]),
        payload: [("rare", Value::Int(1000))].into_iter().collect(),
        at: None,
    };
    let gone = WriteOp::Delete {
        target: Target::Ids(vec![PointId::Num(18)]),
    };
    world
        .write("a", vec![changed, gone, upsert(9_000..9_001)])
        .unwrap();
    store
}

fn reader(store: &Arc<Counted>, call_bytes_max: u64) -> World {
    let paging = Paging {
        above_bytes: 1 << 20,
        cache_bytes: 4 << 20,
        call_bytes_max,
    };
    open(store, Some(paging))
}

fn open(store: &Arc<Counted>, paging: Option<Paging>) -> World {
    let options = Options {
        read_only: true,
        paging,
        ..Options::default()
    };
    World::open_with(store.clone(), 2, options).unwrap()
}

fn nearest(to: VectorQuery) -> Rank {
    let field = VectorName::default();
    Rank::Nearest { field, to }
}

fn search(rank: Rank) -> Search {
    Search {
        collection: at("a"),
        prefetch: Vec::new(),
        rank: Some(rank),
        lookup_from: None,
        filter: None,
        params: SearchParams::default(),
        score_bound: None,
        limit: 10,
        offset: 0,
        select: Select::default(),
    }
}

fn equals(path: &str, value: i64) -> Option<Filter> {
    Some(Filter::Field {
        path: FieldPath::parse(path).unwrap(),
        test: Test::Equals(Scalar::Int(value)),
    })
}

fn everything() -> Select {
    Select {
        payload: PayloadSelect::All,
        vectors: VectorSelect::All,
    }
}

/// Searches that look at rows in every way in which they are looked at.
fn searches(seed: u64) -> Vec<Search> {
    let vector = || VectorQuery::Vector(Vector::Dense(noise(1_000_000 + seed)));
    let plain = || search(nearest(vector()));
    let like = |id: u64| VectorQuery::Point(PointId::Num(id));
    let recommend = |unlike, strategy| Rank::Recommend {
        field: VectorName::default(),
        like: vec![like(seed), like(seed + 100)],
        unlike,
        strategy,
    };
    vec![
        plain(),
        search(nearest(like(seed))),
        search(recommend(Vec::new(), Strategy::AverageVector)),
        search(recommend(vec![like(seed + 200)], Strategy::BestScore)),
        Search {
            filter: equals("rare", seed as i64),
            select: everything(),
            ..plain()
        },
        Search {
            lookup_from: Some(LookupFrom {
                collection: at("other"),
                vector: None,
            }),
            ..search(nearest(like(seed % 3)))
        },
        search(Rank::Diverse {
            field: VectorName::default(),
            to: vector(),
            diversity: 0.5,
            candidates: Some(40),
        }),
    ]
}

/// Those searches, alone and together, and other queries that look at rows.
fn queries(seed: u64) -> Vec<Query> {
    let searches = searches(seed);
    let groups = Groups {
        search: searches[0].clone(),
        by: FieldPath::parse("tenth").unwrap(),
        groups: 3,
        per_group: 2,
    };
    let singles = searches.iter().cloned();
    let singles = singles.map(|search| Query::Search(Box::new(search)));
    let mut queries: Vec<Query> = singles.collect();
    queries.extend([
        Query::SearchBatch(searches),
        Query::Groups(Box::new(groups)),
        Query::Retrieve {
            collection: at("a"),
            ids: [seed, 17, 18, 9_000].map(PointId::Num).to_vec(),
            select: everything(),
        },
        Query::Scroll {
            collection: at("a"),
            filter: equals("rare", 1000),
            from: None,
            limit: 5,
            order_by: None,
            select: everything(),
        },
        Query::ScrollBack {
            collection: at("a"),
            before: Some(PointId::Num(seed * 7 + 1)),
            limit: 3,
            select: everything(),
        },
    ]);
    queries
}

#[test]
fn a_reader_by_pages_answers_as_one_that_holds_all_rows() {
    let store = stored();
    let whole = open(&store, None);
    let vector = VectorQuery::Vector(Vector::Dense(noise(7_000_000)));
    let plain = Query::Search(Box::new(search(nearest(vector))));
    whole.query(plain.clone()).unwrap();
    assert!(store.read() > ROWS_BYTES, "all rows are read");
    let paged = reader(&store, 4 << 20);
    assert_eq!(paged.query(plain.clone()), whole.query(plain));
    let (first, others) = (store.read(), 12);
    assert!(
        first < ROWS_BYTES * 3 / 4,
        "{first} bytes for the first answer"
    );
    for seed in 1..=others {
        for query in queries(seed) {
            let (paged, whole) = (paged.query(query.clone()), whole.query(query.clone()));
            assert_eq!(paged, whole, "{query:?}");
            assert!(paged.is_ok(), "{query:?}");
        }
    }
    store.read();
    for query in queries(others) {
        paged.query(query).unwrap();
    }
    assert_eq!(store.read(), 0, "pages are kept");
}

/// How many of the ten best points a reader by pages finds for each of `searches`, on average.
fn recall(searches: impl Iterator<Item = Search>) -> f64 {
    let store = stored();
    let (whole, paged) = (open(&store, None), reader(&store, 4 << 20));
    let (mut found, mut count) = (0, 0);
    for search in searches {
        let exact = Search {
            params: SearchParams {
                exact: true,
                ..SearchParams::default()
            },
            ..search.clone()
        };
        let ask = |world: &World, search| match world.query(Query::Search(Box::new(search))) {
            Ok(Reply::Scored(points)) => points,
            other => panic!("a search was answered with {other:?}"),
        };
        let (approximate, exact) = (ask(&paged, search), ask(&whole, exact));
        assert_eq!(approximate.len(), 10);
        found += approximate
            .iter()
            .filter(|point| exact.contains(point))
            .count();
        count += 10;
    }
    f64::from(found as u32) / f64::from(count)
}

#[test]
fn a_filter_that_leaves_many_is_walked_and_not_scanned() {
    let recall = recall((0..20).map(|seed| {
        let vector = VectorQuery::Vector(Vector::Dense(noise(3_000_000 + seed)));
        Search {
            filter: equals("tenth", (seed % 10) as i64),
            ..search(nearest(vector))
        }
    }));
    assert!(recall >= 0.9, "{recall}");
}

#[test]
fn a_vector_outside_the_range_of_the_codes_is_found_by_its_candidates() {
    let recall = recall((0..20).map(|seed| {
        let far = noise(2_000_000 + seed).iter().map(|x| x * 40.0).collect();
        search(nearest(VectorQuery::Vector(Vector::Dense(far))))
    }));
    assert!(recall >= 0.9, "{recall}");
}

#[test]
fn a_query_that_would_load_too_much_is_refused() {
    let store = stored();
    let exact = Search {
        params: SearchParams {
            exact: true,
            ..SearchParams::default()
        },
        ..search(nearest(VectorQuery::Vector(Vector::Dense(noise(5)))))
    };
    let query = Query::Search(Box::new(exact));
    let small = reader(&store, 2 << 20);
    let refused = small.query(query.clone()).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unsupported);
    assert!(refused.message.contains("3 MiB of 2 MiB"), "{refused}");
    let large = reader(&store, 4 << 20);
    assert_eq!(large.query(query.clone()), open(&store, None).query(query));
    assert_eq!(
        small.query(queries(3).remove(0)),
        large.query(queries(3).remove(0))
    );
}

#[test]
fn damage_and_loss_are_found_where_they_are_read() {
    let store = stored();
    let rows = store.rows();
    let paged = reader(&store, 4 << 20);
    let file = block_on(store.objects.get_all(&rows)).unwrap();
    let row: Vec<u8> = noise(4_000).iter().flat_map(|x| x.to_le_bytes()).collect();
    let at_row = file
        .windows(row.len())
        .position(|bytes| bytes == row)
        .unwrap();
    store.objects.corrupt(&rows, at_row + 7);
    let retrieve = |id| Query::Retrieve {
        collection: at("a"),
        ids: vec![PointId::Num(id)],
        select: Select {
            vectors: VectorSelect::All,
            ..Select::default()
        },
    };
    paged.query(retrieve(2_000)).unwrap();
    let damaged = paged.query(retrieve(4_000)).unwrap_err();
    assert_eq!(damaged.kind, ErrorKind::Corrupt);
    assert!(damaged.message.contains("page"), "{damaged}");
    assert!(paged.query(retrieve(100)).is_ok(), "other pages are sound");
    store.objects.corrupt(&rows, at_row + 7);
    assert!(
        paged.query(retrieve(4_000)).is_ok(),
        "damage is not remembered"
    );
    block_on(store.delete(&rows)).unwrap();
    assert_eq!(
        paged.query(retrieve(1_000)).unwrap_err().kind,
        ErrorKind::Corrupt
    );
    assert!(paged.query(retrieve(4_000)).is_ok(), "it is in the cache");
}

#[test]
fn truncated_and_swapped_part_files_do_not_open() {
    let kind = |change: &dyn Fn(&Counted, &BlobKey)| {
        let store = stored();
        let rows = store.rows();
        change(&store, &rows);
        let paged = reader(&store, 4 << 20);
        paged.query(queries(1).remove(0)).unwrap_err().kind
    };
    let replaced = |store: &Counted, key: &BlobKey, bytes: Vec<u8>| {
        let body = Body::from(bytes);
        block_on(store.objects.put(key, body, PutIf::Overwrite)).unwrap();
    };
    let cut = |store: &Counted, key: &BlobKey| {
        let whole = block_on(store.objects.get_all(key)).unwrap();
        replaced(store, key, whole[..whole.len() - 64].to_vec());
    };
    assert_eq!(kind(&cut), ErrorKind::Corrupt);
    let tail = |store: &Counted, key: &BlobKey| {
        let size = block_on(store.objects.size(key)).unwrap();
        store.objects.corrupt(key, size as usize - 100);
    };
    assert_eq!(kind(&tail), ErrorKind::Corrupt);
    // The ids, which are read when the collection is opened.
    let head = |store: &Counted, key: &BlobKey| store.objects.corrupt(key, 128);
    assert_eq!(kind(&head), ErrorKind::Corrupt);
}

fn upsert(ids: Range<u64>) -> WriteOp {
    WriteOp::Upsert {
        points: ids.map(point).collect(),
        mode: UpsertMode::Upsert,
        condition: None,
    }
}

fn tag(target: Target) -> WriteOp {
    WriteOp::SetPayload {
        target,
        payload: [("tag", Value::Int(1))].into_iter().collect(),
        at: None,
    }
}

fn delete(ids: impl Iterator<Item = u64>) -> WriteOp {
    WriteOp::Delete {
        target: Target::Ids(ids.map(PointId::Num).collect()),
    }
}

/// The points that are tagged.
fn tagged(world: &World) -> Result<Reply, Error> {
    world.query(Query::Scroll {
        collection: at("a"),
        filter: equals("tag", 1),
        from: None,
        limit: 100,
        order_by: None,
        select: everything(),
    })
}

#[test]
fn a_writer_by_pages_changes_rows_and_leaves_their_segments_alone() {
    let store = stored();
    let paging = Paging {
        above_bytes: 1 << 20,
        cache_bytes: 4 << 20,
        call_bytes_max: 1 << 20,
    };
    let options = Options {
        paging: Some(paging),
        ..Options::default()
    };
    let world = World::open_with(store.clone(), 3, options).unwrap();
    let write = |operation| world.write("a", vec![operation]);
    // Rows of these points lie on as many pages.
    let some = (0..40).map(|at| PointId::Num(at * 100)).collect();
    write(tag(Target::Ids(some))).unwrap();
    let refused = write(tag(Target::Filter(Filter::All(Vec::new()))));
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Unsupported);
    write(delete(4_000..4_030)).unwrap();
    write(delete((100..4_000).filter(|id| id % 100 != 0))).unwrap();
    write(upsert(10_000..11_500)).unwrap();
    let rows = store.rows();
    world.host.run_until_idle();
    let left_alone = "two thirds are deleted, and it is not rewritten";
    assert_eq!(store.rows(), rows, "{left_alone}");
    let info = world.info("a");
    assert_eq!(info.segments, 2, "what is new is sealed: {info:?}");
    let Ok(Reply::Page { records, .. }) = tagged(&world) else {
        panic!("a page is read");
    };
    assert_eq!(records.len(), 40);
    // All rows are at hand again, so the segment is made anew.
    let whole = World::open_with(store.clone(), 4, Options::default()).unwrap();
    assert_eq!(tagged(&whole), tagged(&world));
    whole.host.run_until_idle();
    assert_ne!(store.rows(), rows);
    assert_eq!(tagged(&whole), tagged(&world));
}
