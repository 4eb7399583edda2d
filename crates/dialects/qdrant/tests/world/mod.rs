//! A small world behind a gateway: an executor that records what it is asked and answers from
//! fixed collections.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use gateway::{Build, Clock, Config, Context, Gateway, Listener, MetricsSource, Mount};
use model::aggregate::{FacetHit, FacetValue, Group, GroupKey, Groups, MatrixRows};
use model::query::{PayloadSelect, VectorSelect};
use model::reply::OrderValue;
use model::schema::VectorField;
use model::{
    Archive, ArchiveOf, BoxFuture, ByteSource, CollectionInfo, CollectionName, CollectionRef,
    CollectionSize, Command, Comparator, Dim, Element, Error, Executor, FieldIndex, FieldKind,
    FieldPath, IndexParams, Metric, Modifier, Object, Outcome, PlannedTask, PointId, Query, Rank,
    Record, Reply, Residency, Schema, ScoredPoint, Search, SegmentSize, Select, SnapshotInfo,
    SnapshotRecovery, SnapshotScope, Status, Task, TaskEnd, Timestamp, Upkeep, Value, Vector,
    VectorKind, VectorName, Visibility, Waiting,
};

/// Knows the collections `books` (unnamed, dot), `far` (unnamed, Euclid), `films` (named), `notes`
/// (several rows and sparse), `strict` (as `books`, with limits) and `slow` (as `books`, and no
/// time is enough for it).
#[derive(Default)]
pub(crate) struct World {
    /// What it was asked, as Debug writes it.
    pub(crate) asked: Mutex<Vec<String>>,
}

fn field(name: &str, metric: Metric) -> VectorField {
    VectorField {
        name: VectorName::new(name).unwrap(),
        since: 0,
        kind: VectorKind::Dense {
            dim: Dim::new(4).unwrap(),
            metric,
            element: Element::F32,
        },
        hnsw: None,
        quantization: None,
        residency: Residency::Mapped,
    }
}

fn schema(collection: &CollectionRef) -> Result<Schema, Error> {
    let vectors = match collection.name.as_str() {
        "books" | "slow" => vec![field("", Metric::Dot)],
        "far" => vec![field("", Metric::L2)],
        "strict" => vec![field("", Metric::Dot)],
        "notes" => {
            let dim = Dim::new(2).unwrap();
            let mut rows = field("rows", Metric::L2);
            rows.kind = VectorKind::Multi {
                dim,
                metric: Metric::L2,
                element: Element::U8,
                comparator: Comparator::MaxSim,
            };
            let mut words = field("words", Metric::Dot);
            words.kind = VectorKind::Sparse {
                modifier: Modifier::Idf,
            };
            vec![rows, words]
        }
        "films" => vec![field("image", Metric::L1), field("text", Metric::Cosine)],
        name => return Err(Error::no_collection(name)),
    };
    let index = |path: &str, kind| FieldIndex {
        path: FieldPath::parse(path).unwrap(),
        params: IndexParams::new(kind),
    };
    let indexes = vec![
        index("at", FieldKind::Datetime),
        index("title", FieldKind::Keyword),
        index("year", FieldKind::Integer),
    ];
    let mut attributes = Object::new();
    if collection.name.as_str() == "strict" {
        attributes.insert("qdrant", strict());
    }
    Ok(Schema {
        vectors,
        indexes,
        attributes,
        ..Schema::default()
    })
}

/// The kept settings of a collection with every limit that is watched.
fn strict() -> Value {
    let limit = |name: &'static str, value: i64| (name, Value::Int(value));
    let limits: Object = [
        ("enabled", Value::Bool(true)),
        limit("max_query_limit", 5),
        limit("max_timeout", 10),
        ("unindexed_filtering_retrieve", Value::Bool(false)),
        ("unindexed_filtering_update", Value::Bool(false)),
        limit("search_max_hnsw_ef", 100),
        ("search_allow_exact", Value::Bool(false)),
        ("search_max_oversampling", Value::Float(2.0)),
        limit("upsert_max_batchsize", 2),
        limit("search_max_batchsize", 1),
        limit("max_points_count", 3),
        limit("filter_max_conditions", 2),
        limit("condition_max_size", 3),
        limit("max_payload_index_count", 3),
    ]
    .into_iter()
    .collect();
    let kept: Object = [("strict_mode", Value::Object(limits))]
        .into_iter()
        .collect();
    Value::Object(kept)
}

fn record(id: PointId, select: &Select) -> Record {
    let payload: Object = [
        ("title", Value::from("Solaris")),
        ("year", Value::Int(1961)),
    ]
    .into_iter()
    .collect();
    let vector = Vector::Dense(vec![0.5, 0.25, -1.0, 0.1]);
    let vectors = match &select.vectors {
        VectorSelect::Nothing => None,
        VectorSelect::All => Some(vec![(VectorName::default(), vector)]),
        VectorSelect::Named(names) => Some(
            names
                .iter()
                .map(|name| (name.clone(), vector.clone()))
                .collect(),
        ),
    };
    let payload = (select.payload != PayloadSelect::Nothing).then_some(payload);
    Record {
        id,
        version: 3,
        payload,
        vectors,
    }
}

/// Two results, at internal similarities −4 and −25 (or 4 and 0.5 where larger is better).
fn scored(search: &Search) -> Result<Reply, Error> {
    let schema = schema(&search.collection)?;
    let (scores, order_value) = match &search.rank {
        None | Some(Rank::Sample { .. }) => ([1.0, 1.0], None),
        Some(Rank::OrderBy(_)) => ([1.0, 1.0], Some(OrderValue::Int(1961))),
        Some(Rank::Fusion(_) | Rank::Formula(_)) => ([4.0, 0.5], None),
        Some(rank) if !rank.is_similarity() => ([0.5, -0.25], None),
        Some(rank) => {
            let field = rank.field().unwrap();
            let field = schema
                .vector(field)
                .ok_or(Error::no_vector_field(field.as_str()))?;
            let metric = match field.kind {
                VectorKind::Dense { metric, .. } | VectorKind::Multi { metric, .. } => metric,
                VectorKind::Sparse { .. } => Metric::Dot,
            };
            match metric {
                Metric::L2 | Metric::L1 => ([-4.0, -25.0], None),
                _ => ([4.0, 0.5], None),
            }
        }
    };
    let distance = scores[0] < 0.0;
    let above = |score: f32| {
        search.score_bound.is_none_or(|bound| {
            if distance {
                score.abs().sqrt() < bound
            } else {
                score > bound
            }
        })
    };
    let points = scores.into_iter().filter(|score| above(*score)).zip(1u64..);
    Ok(Reply::Scored(
        points
            .map(|(score, id)| ScoredPoint {
                record: record(PointId::Num(id), &search.select),
                score,
                order_value,
            })
            .collect(),
    ))
}

const SIZE: CollectionSize = CollectionSize {
    points: 2,
    vector_bytes: 32,
    payload_bytes: 40,
};

/// One seal under way, one that is over.
fn upkeep() -> Upkeep {
    let task = |id, end| Task {
        id,
        kind: "seal",
        segments: vec![SegmentSize { id: 0, points: 2 }],
        started_ms: 1_000,
        done: 1,
        total: 2,
        end,
    };
    let end = TaskEnd {
        at_ms: 3_500,
        took_us: 2_500_000,
        failure: None,
    };
    Upkeep {
        running: vec![task(7, None)],
        queued: vec![PlannedTask {
            kind: "graphs",
            segments: vec![SegmentSize { id: 9, points: 5 }],
        }],
        completed: vec![task(6, Some(end))],
        idle: vec![SegmentSize { id: 8, points: 1 }],
    }
}

fn describe(collection: &CollectionRef) -> Result<Reply, Error> {
    Ok(Reply::Collection(Box::new(CollectionInfo {
        name: collection.name.clone(),
        schema: schema(collection)?,
        status: Status::Ready,
        points: 2,
        vectors: vec![2],
        size: SIZE,
        queued: 0,
        indexed_vectors: 0,
        segments: 1,
        index_points: vec![(FieldPath::parse("year").unwrap(), 2)],
        operation: 7,
    })))
}

fn answer(query: Query) -> Result<Reply, Error> {
    let name = |name: &str| CollectionName::new(name).unwrap();
    match query {
        Query::ListCollections(_) => Ok(Reply::Collections(vec![
            name("books"),
            name("far"),
            name("films"),
        ])),
        Query::ListAliases(_) => Ok(Reply::Aliases(vec![
            (name("library"), name("books")),
            (name("shelf"), name("films")),
        ])),
        Query::ListSnapshots(scope) => known(&scope).map(|()| Reply::Snapshots(vec![kept()])),
        Query::CollectionExists(collection) => Ok(Reply::Exists(schema(&collection).is_ok())),
        Query::DescribeCollection(collection) => describe(&collection),
        Query::MeasureCollection(collection) => schema(&collection).map(|_| Reply::Size(SIZE)),
        Query::WatchUpkeep(collection) => {
            schema(&collection).map(|_| Reply::Upkeep(Box::new(upkeep())))
        }
        Query::ReadAttributes(_) => Ok(Reply::Attributes(Arc::default())),
        Query::ReadSchema(collection) => schema(&collection).map(|s| Reply::Schema(Arc::new(s))),
        Query::Retrieve {
            collection,
            ids,
            select,
        } => {
            schema(&collection)?;
            // Ids from 100 on do not exist.
            let known = ids.into_iter().filter(|id| *id < PointId::Num(100));
            Ok(Reply::Records(
                known.map(|id| record(id, &select)).collect(),
            ))
        }
        Query::Scroll {
            collection,
            limit,
            order_by,
            select,
            ..
        } => {
            schema(&collection)?;
            let value = order_by.is_some().then_some(OrderValue::Int(1961));
            let records = (1..=limit.min(2) as u64).map(|id| (record(id.into(), &select), value));
            let next = (limit < 2).then_some(PointId::Num(2));
            Ok(Reply::Page {
                records: records.collect(),
                next,
            })
        }
        Query::Count { collection, .. } => schema(&collection).map(|_| Reply::Count(2)),
        Query::Search(search) => scored(&search),
        Query::SearchBatch(searches) => searches
            .iter()
            .map(scored)
            .collect::<Result<_, _>>()
            .map(Reply::Batch),
        Query::Within { query, .. } => in_time(*query),
        Query::Groups(groups) => grouped(&groups),
        Query::Facet(facet) => schema(&facet.collection).map(|_| Reply::Facet(facets())),
        Query::Matrix(matrix) => {
            schema(&matrix.collection)?;
            Ok(Reply::Matrix(MatrixRows {
                ids: vec![PointId::Num(1), PointId::Num(2), PointId::Uuid([0x11; 16])],
                rows: vec![vec![(2, -4.0), (1, -25.0)], vec![(0, -25.0)], vec![]],
            }))
        }
    }
}

/// A value of each kind.
fn facets() -> Vec<FacetHit> {
    let hit = |value, count| FacetHit { value, count };
    vec![
        hit(FacetValue::Text("Solaris".into()), 2),
        hit(FacetValue::Int(1961), 1),
        hit(FacetValue::Bool(true), 1),
        hit(FacetValue::Uuid([0x11; 16]), 1),
    ]
}

/// No time is enough to count what is in `slow`.
fn in_time(query: Query) -> Result<Reply, Error> {
    match query {
        Query::Count { collection, .. } if collection.name.as_str() == "slow" => {
            let message = "the query took longer than 2000 ms";
            Err(Error::new(
                model::ErrorKind::Timeout,
                model::Subject::Request,
                message,
            ))
        }
        query => answer(query),
    }
}

/// Two groups with the same results.
fn grouped(groups: &Groups) -> Result<Reply, Error> {
    let Reply::Scored(hits) = scored(&groups.search)? else {
        panic!("a search is answered with results");
    };
    let keys = [
        GroupKey::Int(7),
        GroupKey::Text("550e8400-e29b-41d4-a716-446655440000".into()),
        GroupKey::Text("Solaris".into()),
    ];
    let group = |key| Group {
        key,
        hits: hits.clone(),
    };
    Ok(Reply::Groups(keys.map(group).into()))
}

/// Knows shard 0 of each collection.
fn known(scope: &SnapshotScope) -> Result<(), Error> {
    if let SnapshotScope::Shard { shard: 1.., .. } = scope {
        return Err(none("shard 1 not found"));
    }
    scope
        .collection()
        .map_or(Ok(()), |name| schema(name).map(|_| ()))
}

fn none(what: &str) -> Error {
    Error::new(model::ErrorKind::NotFound, model::Subject::Request, what)
}

/// Knows the snapshot `s`.
fn named(name: &str) -> Result<(), Error> {
    match name {
        "s" => Ok(()),
        _ => Err(none("Snapshot x not found")),
    }
}

fn kept() -> SnapshotInfo {
    SnapshotInfo {
        name: "s".into(),
        created: Timestamp(1_700_000_000_000_000),
        bytes: 10,
        sha256: [0x5a; 32],
    }
}

/// Two pieces.
struct Pieces(Vec<&'static str>);

impl ByteSource for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        let piece = self.0.pop().map(Bytes::from);
        Box::pin(async move { Ok(piece) })
    }
}

fn open(of: ArchiveOf) -> Result<Archive, Error> {
    match &of {
        ArchiveOf::Kept { scope, name } => known(scope).and_then(|()| named(name))?,
        ArchiveOf::Present(scope) => known(scope)?,
    }
    Ok(Archive {
        name: "bücher.snapshot".into(),
        bytes: 10,
        source: Box::new(Pieces(vec!["chive", "the ar"])),
    })
}

fn carry_out(command: Command) -> Result<Outcome, Error> {
    match command {
        Command::CreateCollection { collection, .. } => match schema(&collection) {
            Ok(_) => Err(Error::new(
                model::ErrorKind::AlreadyExists,
                model::Subject::Collection(collection.name.as_str().into()),
                "taken",
            )),
            Err(_) => Ok(Outcome::Done),
        },
        Command::DropCollection { collection } => Ok(Outcome::Existed(schema(&collection).is_ok())),
        Command::ChangeAliases { .. } | Command::SetAttributes { .. } => Ok(Outcome::Done),
        Command::Write {
            collection,
            visibility: Visibility::AppliedWithin { .. },
            ..
        } if collection.name.as_str() == "slow" => Ok(Outcome::Pending),
        Command::CreateSnapshot { scope, waiting } => known(&scope).map(|()| match waiting {
            Waiting::UntilDone => Outcome::Snapshot(kept()),
            Waiting::UntilBegun => Outcome::Accepted,
        }),
        Command::DeleteSnapshot { scope, name } => known(&scope)
            .and_then(|()| named(&name))
            .map(|()| Outcome::Done),
        Command::RecoverSnapshot { recovery, .. } => Ok(match recovery.waiting {
            Waiting::UntilDone => Outcome::Done,
            Waiting::UntilBegun => Outcome::Accepted,
        }),
        Command::Write { collection, .. } => {
            schema(&collection).map(|_| Outcome::Written { operation: 7 })
        }
    }
}

impl Executor for World {
    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Outcome, Error>> {
        self.asked.lock().unwrap().push(format!("{command:?}"));
        Box::pin(async move { carry_out(command) })
    }

    fn archive(&self, of: ArchiveOf) -> BoxFuture<'_, Result<Archive, Error>> {
        self.asked.lock().unwrap().push(format!("{of:?}"));
        Box::pin(async move { open(of) })
    }

    fn recover(
        &self,
        recovery: SnapshotRecovery,
        mut archive: Box<dyn ByteSource>,
    ) -> BoxFuture<'_, Result<Outcome, Error>> {
        Box::pin(async move {
            let mut all = Vec::new();
            while let Some(piece) = archive.next().await? {
                all.extend_from_slice(&piece);
            }
            let all = String::from_utf8_lossy(&all).into_owned();
            self.asked
                .lock()
                .unwrap()
                .push(format!("{recovery:?} {all:?}"));
            Ok(Outcome::Done)
        })
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Reply, Error>> {
        // Nearly every request asks these, and their answers are always the same.
        if !matches!(query, Query::ReadSchema(_) | Query::ReadAttributes(_)) {
            self.asked.lock().unwrap().push(format!("{query:?}"));
        }
        Box::pin(async move { answer(query) })
    }
}

/// Stands still.
pub(crate) struct Stopped;

impl Clock for Stopped {
    fn now_micros(&self) -> u64 {
        0
    }

    fn unix_ms(&self) -> u64 {
        0
    }
}

/// Has nothing to tell.
pub(crate) struct Silent;

impl MetricsSource for Silent {
    fn metrics(&self) -> String {
        "# TYPE host_fact gauge\nhost_fact 1\n".into()
    }

    fn is_ready(&self) -> bool {
        true
    }
}

/// A gateway over `world`.
pub(crate) fn listener(world: Arc<World>, config: Config) -> Listener {
    let context = Context {
        clock: Arc::new(Stopped),
        metrics: Arc::new(Silent),
        build: Build::default(),
    };
    let gateway = Gateway::new(world, &[&skerry_dialect_qdrant::Qdrant], context, config);
    gateway.listener(Mount::Only("qdrant")).unwrap()
}

/// The value of a future that never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = TaskContext::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}
