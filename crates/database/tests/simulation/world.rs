//! A machine that can die, and what was promised before it did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use database::{Database, Options};
use model::query::{PayloadSelect, VectorSelect};
use model::{
    BoxFuture, CollectionInfo, CollectionRef, Command, Dim, Element, Error, Executor, Metric,
    Object, Outcome, Point, PointId, Query, Reply, Schema, Select, Target, UpsertMode, Value,
    Vector, VectorField, VectorKind, VectorName, Visibility, WriteOp,
};
use storage::{
    Blob, BlobError, BlobErrorKind, BlobKey, BlobMeta, BlobStore, Body, GetOptions, ListOptions,
    PutIf,
};
use testkit::{MapStore, SimHost, yield_now};

/// A store that lives on when the machine dies. Every call takes several polls, so that a
/// scheduler can put any two calls in any order.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) objects: MapStore,
    calls: AtomicUsize,
    /// The call at which the machine dies, and whether that call still takes effect.
    death: Mutex<Option<(usize, bool)>>,
    dead: AtomicBool,
}

impl Disk {
    /// The machine dies at call number `at`, before or after it takes effect.
    pub(crate) fn die_at(&self, at: usize, after: bool) {
        self.calls.store(0, Ordering::SeqCst);
        *self.death.lock().unwrap() = Some((at, after));
    }

    pub(crate) fn restart(&self) {
        *self.death.lock().unwrap() = None;
        self.dead.store(false, Ordering::SeqCst);
        self.calls.store(0, Ordering::SeqCst);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn call<T>(
        &self,
        effect: impl Future<Output = Result<T, BlobError>>,
    ) -> Result<T, BlobError> {
        yield_now().await;
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let death = *self.death.lock().unwrap();
        let dies = death.filter(|(at, _)| *at == call);
        if self.is_dead() || matches!(dies, Some((_, false))) {
            self.dead.store(true, Ordering::SeqCst);
            return Err(BlobError::new(
                BlobErrorKind::Unavailable,
                "the machine is dead",
            ));
        }
        let result = effect.await;
        if dies.is_some() {
            self.dead.store(true, Ordering::SeqCst);
            return Err(BlobError::new(
                BlobErrorKind::Unavailable,
                "the machine is dead",
            ));
        }
        yield_now().await;
        result
    }
}

impl BlobStore for Disk {
    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(self.call(async move { self.objects.put(key, body, when).await }))
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>> {
        Box::pin(self.call(async move { self.objects.get(key, options).await }))
    }

    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        Box::pin(self.call(async move { self.objects.size(key).await }))
    }

    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>> {
        Box::pin(self.call(async move { self.objects.list(options).await }))
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>> {
        Box::pin(self.call(async move { self.objects.delete(key).await }))
    }
}

/// Thresholds so small that a few dozen points go through sealing, merging and indexing.
pub(crate) fn small() -> Options {
    let policy = engine::JobPolicy::default();
    Options {
        log_tail_max: 8,
        idle_ms: 100,
        policy: engine::JobPolicy {
            seal_bytes: 4_000,
            seal_rows: 24,
            idle_seal_rows: 1,
            flat_segments_max: 2,
            ..policy
        },
        ..Options::default()
    }
}

/// A database over `store`, run by `host`.
pub(crate) struct World {
    pub(crate) host: Arc<SimHost>,
    pub(crate) database: Arc<Database>,
}

impl World {
    /// Opens the database that lies in `store`.
    pub(crate) fn open(store: Arc<dyn BlobStore>, seed: u64) -> Result<Self, Error> {
        Self::open_with(store, seed, small())
    }

    pub(crate) fn open_with(
        store: Arc<dyn BlobStore>,
        seed: u64,
        options: Options,
    ) -> Result<Self, Error> {
        let host = SimHost::new(seed);
        let open = Database::open(store, host.clone(), options);
        let database = host.block_on(open)?;
        Ok(Self { host, database })
    }

    pub(crate) fn execute(&self, command: Command) -> Result<Outcome, Error> {
        let database = Arc::clone(&self.database);
        self.host
            .block_on(async move { database.execute(command).await })
    }

    pub(crate) fn query(&self, query: Query) -> Result<Reply, Error> {
        let database = Arc::clone(&self.database);
        self.host
            .block_on(async move { database.query(query).await })
    }

    pub(crate) fn create(&self, name: &str) -> Result<Outcome, Error> {
        self.execute(Command::CreateCollection {
            collection: at(name),
            schema: schema(),
        })
    }

    pub(crate) fn write(&self, name: &str, operations: Vec<WriteOp>) -> Result<u64, Error> {
        match self.execute(write(name, operations))? {
            Outcome::Written { operation } => Ok(operation),
            other => panic!("a write was answered with {other:?}"),
        }
    }

    pub(crate) fn info(&self, name: &str) -> CollectionInfo {
        match self.query(Query::DescribeCollection(at(name))) {
            Ok(Reply::Collection(info)) => *info,
            other => panic!("a description was answered with {other:?}"),
        }
    }

    /// Every point by id with the batch that wrote it; checks that each is whole and there once.
    pub(crate) fn contents(&self, name: &str) -> BTreeMap<u64, i64> {
        let query = Query::Scroll {
            collection: at(name),
            filter: None,
            from: None,
            limit: 100_000,
            order_by: None,
            select: Select {
                payload: PayloadSelect::All,
                vectors: VectorSelect::All,
            },
        };
        let Ok(Reply::Page {
            records,
            next: None,
        }) = self.query(query)
        else {
            panic!("a scroll of everything is one page");
        };
        let mut contents = BTreeMap::new();
        for (record, _) in records {
            let PointId::Num(id) = record.id else {
                panic!("ids are numbers here")
            };
            let batch = match record.payload.unwrap().get("batch") {
                Some(Value::Int(batch)) => *batch,
                other => panic!("point {id} has the batch {other:?}"),
            };
            let expected = vec![(unnamed(), Vector::Dense(vector(id, batch)))];
            assert_eq!(
                record.vectors.unwrap(),
                expected,
                "point {id} is mixed from two batches"
            );
            assert_eq!(
                contents.insert(id, batch),
                None,
                "point {id} is there twice"
            );
        }
        let count = Query::Count {
            collection: at(name),
            filter: None,
            exact: true,
        };
        assert_eq!(self.query(count), Ok(Reply::Count(contents.len() as u64)));
        contents
    }
}

pub(crate) fn at(name: &str) -> CollectionRef {
    CollectionRef::in_default(name).unwrap()
}

fn unnamed() -> VectorName {
    VectorName::default()
}

pub(crate) fn schema() -> Schema {
    let kind = VectorKind::Dense {
        dim: Dim::new(4).unwrap(),
        metric: Metric::Dot,
        element: Element::F32,
    };
    let field = VectorField {
        name: unnamed(),
        since: 0,
        kind,
        index: None,
        index_metric: None,
        quantization: None,
        residency: Default::default(),
    };
    Schema {
        vectors: vec![field],
        ..Schema::default()
    }
}

/// The vector that batch `batch` gives to point `id`.
pub(crate) fn vector(id: u64, batch: i64) -> Vec<f32> {
    vec![id as f32, batch as f32, 1.0, -(id as f32)]
}

pub(crate) fn write(name: &str, operations: Vec<WriteOp>) -> Command {
    Command::Write {
        collection: at(name),
        operations,
        visibility: Visibility::Applied,
    }
}

/// Writes whole points, each marked with the batch.
pub(crate) fn upsert(ids: impl IntoIterator<Item = u64>, batch: i64) -> WriteOp {
    let point = |id: u64| Point {
        id: id.into(),
        vectors: vec![(unnamed(), Vector::Dense(vector(id, batch)))],
        payload: [("batch", Value::Int(batch))]
            .into_iter()
            .collect::<Object>(),
    };
    let points = ids.into_iter().map(point).collect();
    WriteOp::Upsert {
        points,
        mode: UpsertMode::Upsert,
        condition: None,
    }
}

pub(crate) fn delete(ids: impl IntoIterator<Item = u64>) -> WriteOp {
    WriteOp::Delete {
        target: Target::Ids(ids.into_iter().map(PointId::from).collect()),
    }
}
