//! The database on a real directory and a real runtime: durable, quick to open, cheap to write.
//!
//! `cargo test -p skerry-database --release --test directory -- --nocapture` prints what a commit
//! and a start cost on this machine.

#![allow(clippy::unwrap_used)]
// A host is an adapter: clocks, threads and tasks are what it is made of.
#![allow(clippy::disallowed_methods)]

extern crate skerry_database as database;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use database::{Database, Host, Options};
use model::{
    BoxFuture, CollectionRef, Command, Dim, Element, Executor, Metric, Outcome, Point, Query, Rank,
    Reply, Schema, Search, SearchParams, Select, UpsertMode, Value, Vector, VectorField,
    VectorKind, VectorName, VectorQuery, Visibility, WriteOp,
};

const DIM: u64 = 384;
const BATCH: u64 = 64;
const BATCHES: u64 = 40;

type Work = Box<dyn FnOnce() + Send>;

struct TestHost {
    runtime: tokio::runtime::Handle,
    started: Instant,
    random: std::sync::atomic::AtomicU64,
    /// Heavy work that is never done, when this is set.
    stuck: Option<std::sync::Mutex<Vec<Work>>>,
}

impl TestHost {
    fn new() -> Self {
        let seed = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_nanos();
        Self {
            runtime: tokio::runtime::Handle::current(),
            started: Instant::now(),
            random: std::sync::atomic::AtomicU64::new(seed as u64),
            stuck: None,
        }
    }
}

impl Host for TestHost {
    fn unix_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_millis() as u64
    }

    fn monotonic_us(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    fn random(&self) -> u128 {
        let n = self
            .random
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        u128::from(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)) << 64 | u128::from(n)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.runtime.spawn(task);
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
    }

    fn run_heavy(&self, work: Work) {
        match &self.stuck {
            Some(stuck) => stuck.lock().unwrap().push(work),
            None => drop(std::thread::spawn(work)),
        }
    }
}

fn name() -> CollectionRef {
    CollectionRef::in_default("c").unwrap()
}

fn vector(id: u64) -> Vec<f32> {
    let component = |i: u64| ((id * 7919 + i * i * 104_729) % 10_007) as f32 - 5000.0;
    (0..DIM).map(component).collect()
}

fn batch(first: u64) -> Command {
    let point = |id: u64| Point {
        id: id.into(),
        vectors: vec![(VectorName::default(), Vector::Dense(vector(id)))],
        payload: [
            ("n", Value::from(id)),
            ("text", Value::from("some words about a thing")),
        ]
        .into_iter()
        .collect(),
    };
    let points = (first..first + BATCH).map(point).collect();
    let upsert = WriteOp::Upsert {
        points,
        mode: UpsertMode::Upsert,
        condition: None,
    };
    let visibility = Visibility::Applied;
    Command::Write {
        collection: name(),
        operations: vec![upsert],
        visibility,
    }
}

/// Opens the database in the directory; tasks that have just ended may still hold the one before.
async fn open(path: &Path) -> Arc<Database> {
    let durability = storage_object::Durability::Sync;
    let mut opened = storage_object::open_local(path, durability);
    for _ in 0..100 {
        if opened.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        opened = storage_object::open_local(path, durability);
    }
    over(opened.unwrap()).await
}

async fn over(store: Arc<dyn storage::BlobStore>) -> Arc<Database> {
    Database::open(store, Arc::new(TestHost::new()), Options::default())
        .await
        .unwrap()
}

fn search(id: u64) -> Query {
    Query::Search(Box::new(Search {
        collection: name(),
        rank: Some(Rank::Nearest {
            field: VectorName::default(),
            to: VectorQuery::Vector(Vector::Dense(vector(id))),
        }),
        filter: None,
        params: SearchParams::default(),
        score_bound: None,
        prefetch: Vec::new(),
        lookup_from: None,
        limit: 1,
        offset: 0,
        select: Select::default(),
    }))
}

async fn nearest(database: &Database, id: u64) -> model::PointId {
    match database.query(search(id)).await {
        Ok(Reply::Scored(points)) => points[0].record.id.clone(),
        other => panic!("a search was answered with {other:?}"),
    }
}

/// Waits, in real time, until background work has come to rest.
async fn settle(database: &Database) {
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let stats = &database.stats().open[0];
        let rest = stats.growing_rows == 0 && stats.upkeep.running.is_empty();
        if rest && stats.status == model::Status::Ready && stats.log_tail == 0 {
            return;
        }
    }
    panic!("background work does not end: {:?}", database.stats());
}

async fn create(database: &Database) {
    let kind = VectorKind::Dense {
        dim: Dim::new(DIM).unwrap(),
        metric: Metric::L2,
        element: Element::F32,
    };
    let field = VectorField {
        name: VectorName::default(),
        since: 0,
        kind,
        index: None,
        index_metric: None,
        quantization: None,
        residency: model::Residency::Mapped,
    };
    let schema = Schema {
        vectors: vec![field],
        ..Schema::default()
    };
    database
        .execute(Command::CreateCollection {
            collection: name(),
            schema,
        })
        .await
        .unwrap();
}

async fn fill(database: &Database, store: &str) {
    let began = Instant::now();
    for number in 0..BATCHES {
        let outcome = database.execute(batch(number * BATCH)).await.unwrap();
        assert_eq!(
            outcome,
            Outcome::Written {
                operation: number + 1
            }
        );
    }
    let per_batch = began.elapsed() / BATCHES as u32;
    let commits = database.stats().open[0].commits;
    let commit_us = commits.commit_us / BATCHES;
    println!("{store}, {BATCH} x {DIM}: {per_batch:?} a write, of which {commit_us} us the commit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_to_a_directory_is_there_again() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path()).await;
    create(&database).await;
    fill(&database, "directory").await;
    assert_eq!(nearest(&database, 1234).await, 1234.into());
    database.close().await.unwrap();
    drop(database);
    let database = open(directory.path()).await;
    assert_eq!(nearest(&database, 1234).await, 1234.into(), "from the log");
    settle(&database).await;
    assert_eq!(
        nearest(&database, 1234).await,
        1234.into(),
        "from a segment"
    );
    database.close().await.unwrap();
    drop(database);
    let began = Instant::now();
    let database = open(directory.path()).await;
    assert_eq!(
        nearest(&database, 77).await,
        77.into(),
        "from a mapped segment"
    );
    println!("open and first answer: {:?}", began.elapsed());
    let count = Query::Count {
        collection: name(),
        filter: None,
        exact: true,
    };
    assert_eq!(
        database.query(count).await,
        Ok(Reply::Count(BATCHES * BATCH))
    );
    database.close().await.unwrap();
}

/// Without a disk what is left is the work of the processor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_to_memory_is_found_at_once() {
    let database = over(Arc::new(storage_object::memory_store())).await;
    create(&database).await;
    fill(&database, "memory").await;
    assert_eq!(nearest(&database, 1234).await, 1234.into());
    database.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_does_not_wait_for_heavy_work() {
    let host = TestHost {
        stuck: Some(Default::default()),
        ..TestHost::new()
    };
    let store = Arc::new(storage_object::memory_store());
    let database = Database::open(store, Arc::new(host), Options::default())
        .await
        .unwrap();
    create(&database).await;
    fill(&database, "memory").await;
    while database.stats().open[0].upkeep.running.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let closed = tokio::time::timeout(Duration::from_secs(20), database.close()).await;
    assert_eq!(closed.ok(), Some(Ok(())));
}
