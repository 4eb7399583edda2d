//! Random operations, jobs and restarts against a brute-force oracle: every query must agree.
#![allow(clippy::unwrap_used)]

mod shelf;

use model::command::{Point, Target};
use model::filter::{Range, Test};
use model::query::{PayloadSelect, StartFrom, VectorSelect};
use model::reply::OrderValue;
use model::schema::{FieldIndex, IndexParams, SegmentConfig, VectorField};
use model::{
    CollectionRef, ConfigChange, Dim, Direction, Element, FieldKind, FieldPath, Filter, HnswConfig,
    Metric, Object, OrderBy, PointId, Rank, Reply, Residency, Scalar, Schema, Search, SearchParams,
    Select, UpsertMode, Value, Vector, VectorKind, VectorName, VectorQuery, WriteOp,
};
use proptest::prelude::*;
use proptest::sample::Index;

use shelf::Shelf;
use skerry_engine::{Collection, Job, JobPolicy, PartRef, Plan, PlanSwitches, ScratchPool};
use testkit::Oracle;

const DIM_A: usize = 8;
const DIM_B: usize = 2;

fn name(text: &str) -> VectorName {
    VectorName::new(text).unwrap()
}

fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

fn field(text: &str, dim: usize, metric: Metric) -> VectorField {
    VectorField {
        name: name(text),
        since: 0,
        kind: VectorKind::Dense {
            dim: Dim::new(dim as u64).unwrap(),
            metric,
            element: Element::F32,
        },
        index: None,
        index_metric: None,
        quantization: None,
        residency: Residency::Mapped,
    }
}

fn index(text: &str, kind: FieldKind) -> FieldIndex {
    let params = IndexParams::new(kind);
    FieldIndex {
        path: path(text),
        params,
    }
}

fn schema() -> Schema {
    Schema {
        vectors: vec![field("", DIM_A, Metric::Dot), field("b", DIM_B, Metric::L2)],
        indexes: vec![
            index("n", FieldKind::Integer),
            index("t", FieldKind::Keyword),
        ],
        // Graphs from 1 KiB on, that is 32 points.
        hnsw: HnswConfig {
            m: 8,
            ef_construct: 32,
            full_scan_threshold_kb: 0,
        },
        segments: SegmentConfig {
            indexing_threshold_kb: 1,
            vacuum_rows_min: 4,
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

/// A policy under which everything that can be done is due.
fn eager() -> JobPolicy {
    JobPolicy {
        idle_seal_rows: 1,
        ..JobPolicy::idle()
    }
}

#[derive(Clone, Debug)]
enum Move {
    Write(WriteOp),
    /// Runs the next job and installs it.
    Work,
    /// Begins the next job on the state as it is now …
    Begin,
    /// … and installs what was begun into the state as it is by then.
    Finish,
    /// Seals, writes a manifest, and goes on from what it restores.
    Restart,
    /// Compares everything.
    Check(Filter, Vec<i8>),
}

fn ids() -> impl Strategy<Value = PointId> {
    prop_oneof![
        8 => (0_u64..60).prop_map(PointId::Num),
        1 => (0_u8..4).prop_map(|n| PointId::Uuid([n; 16])),
        1 => (0_u8..4).prop_map(|n| PointId::Text(format!("t{n}").into())),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        4 => (-3_i64..4).prop_map(Value::Int),
        1 => prop::sample::select(vec!["a", "b", "c"]).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
    ];
    prop_oneof![
        4 => scalar.clone(),
        1 => prop::collection::vec(scalar.clone(), 0..3).prop_map(Value::Array),
        1 => scalar.prop_map(|v| Value::Object([("x", v)].into_iter().collect())),
    ]
}

fn payloads() -> impl Strategy<Value = Object> {
    prop::collection::vec((prop::sample::select(vec!["n", "t", "o"]), values()), 0..3)
        .prop_map(|fields| fields.into_iter().collect())
}

fn vector(dim: usize) -> impl Strategy<Value = Vector> {
    prop::collection::vec(-4_i8..5, dim)
        .prop_map(|v| Vector::Dense(v.into_iter().map(f32::from).collect()))
}

fn vectors() -> impl Strategy<Value = Vec<(VectorName, Vector)>> {
    let a = prop::option::weighted(0.9, vector(DIM_A));
    let b = prop::option::weighted(0.5, vector(DIM_B));
    (a, b).prop_map(|(a, b)| {
        let a = a.map(|v| (name(""), v));
        a.into_iter().chain(b.map(|v| (name("b"), v))).collect()
    })
}

fn points() -> impl Strategy<Value = Vec<Point>> {
    let point = (ids(), vectors(), payloads()).prop_map(|(id, vectors, payload)| Point {
        id,
        vectors,
        payload,
    });
    prop::collection::vec(point, 0..40)
}

fn filters() -> impl Strategy<Value = Filter> {
    let tests = prop_oneof![
        (-3_i64..4).prop_map(|n| Test::Equals(Scalar::Int(n))),
        Just(Test::In(vec![
            Scalar::Str("a".into()),
            Scalar::Str("b".into())
        ])),
        (-3_i64..4).prop_map(|n| Test::NotIn(vec![Scalar::Int(n)])),
        (-3_i8..4).prop_map(|n| {
            Test::Range(Range {
                gte: Some(f64::from(n)),
                ..Range::default()
            })
        }),
        any::<bool>().prop_map(Test::IsEmpty),
        any::<bool>().prop_map(Test::IsNull),
    ];
    let leaf = prop_oneof![
        6 => (prop::sample::select(vec!["n", "t", "o.x", "n[]"]), tests)
            .prop_map(|(at, test)| Filter::Field { path: path(at), test }),
        1 => prop::collection::vec(ids(), 0..6).prop_map(Filter::HasId),
        1 => Just(Filter::HasVector(name("b"))),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Filter::Any),
            inner.prop_map(|f| Filter::Not(Box::new(f))),
        ]
    })
}

fn targets() -> impl Strategy<Value = Target> {
    prop_oneof![
        2 => prop::collection::vec(ids(), 1..3).prop_map(Target::Ids),
        1 => filters().prop_map(Target::Filter),
    ]
}

fn writes() -> impl Strategy<Value = WriteOp> {
    let mode = prop::sample::select(vec![
        UpsertMode::Upsert,
        UpsertMode::Upsert,
        UpsertMode::InsertOnly,
        UpsertMode::UpdateOnly,
        UpsertMode::InsertNew,
    ]);
    let some_path = prop::option::of(prop::sample::select(vec![path("o"), path("o.y")]));
    let updates = prop::collection::vec((ids(), vectors()), 1..3);
    let maybe = || prop::option::weighted(0.2, filters());
    prop_oneof![
        8 => (points(), mode, maybe())
            .prop_map(|(points, mode, condition)| WriteOp::Upsert { points, mode, condition }),
        2 => targets().prop_map(|target| WriteOp::Delete { target }),
        2 => prop::collection::vec(ids(), 1..8).prop_map(|ids| WriteOp::Conceal { ids }),
        2 => prop::collection::vec(ids(), 1..8).prop_map(|ids| WriteOp::Reveal { ids }),
        1 => Just(WriteOp::Purge),
        2 => (targets(), payloads(), some_path)
            .prop_map(|(target, payload, at)| WriteOp::SetPayload { target, payload, at }),
        1 => (targets(), payloads())
            .prop_map(|(target, payload)| WriteOp::OverwritePayload { target, payload }),
        1 => (targets(), prop::sample::select(vec!["n", "o.x"])).prop_map(|(target, at)| {
            WriteOp::DeletePayload { target, paths: vec![path(at)] }
        }),
        1 => targets().prop_map(|target| WriteOp::ClearPayload { target }),
        2 => (updates, maybe())
            .prop_map(|(points, condition)| WriteOp::UpdateVectors { points, condition }),
        1 => (targets(), prop::sample::select(vec!["", "b", "none"]))
            .prop_map(|(target, n)| WriteOp::DeleteVectors { target, names: vec![name(n)] }),
        1 => prop::sample::select(vec![
            index("n", FieldKind::Integer), index("n", FieldKind::Float),
            index("o.x", FieldKind::Bool), index("t", FieldKind::Keyword),
        ]).prop_map(WriteOp::CreateIndex),
        1 => prop::sample::select(vec!["n", "t"]).prop_map(|at| WriteOp::DropIndex(path(at))),
        1 => (0_u16..12).prop_map(|m| WriteOp::Configure(ConfigChange {
            hnsw: Some(HnswConfig { m, ef_construct: 32, full_scan_threshold_kb: 0 }),
            ..ConfigChange::default()
        })),
    ]
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let check = (filters(), prop::collection::vec(-4_i8..5, DIM_A));
    let one = prop_oneof![
        10 => writes().prop_map(Move::Write),
        4 => Just(Move::Work),
        2 => Just(Move::Begin),
        2 => Just(Move::Finish),
        1 => Just(Move::Restart),
        3 => check.prop_map(|(filter, query)| Move::Check(filter, query)),
    ];
    prop::collection::vec(one, 1..24)
}

/// The collection under test, its oracle, and where its parts are kept.
struct Pair {
    collection: Collection,
    oracle: Oracle,
    shelf: Shelf,
    begun: Option<Job>,
    scratch: ScratchPool,
}

impl Pair {
    fn new() -> Self {
        Self {
            collection: Collection::create(schema()).unwrap(),
            oracle: Oracle::new(schema()),
            shelf: Shelf::default(),
            begun: None,
            scratch: ScratchPool::new(),
        }
    }

    fn play(&mut self, step: &Move) -> Result<(), TestCaseError> {
        match step {
            Move::Write(op) => {
                let before = self.collection.clone();
                match (self.collection.apply(op), self.oracle.apply(op)) {
                    (Ok(next), Ok(())) => self.collection = next,
                    (Err(a), Err(b)) => {
                        prop_assert_eq!(a.kind, b.kind, "{:?}", op);
                        self.collection = before;
                    }
                    (a, b) => prop_assert!(false, "{:?} but {:?} for {:?}", a.map(|_| ()), b, op),
                }
                prop_assert_eq!(self.collection.operation(), self.oracle.operation());
            }
            Move::Work => {
                // A job in hand may work on the same segments.
                if self.begun.is_none()
                    && let Some(job) = self.collection.next_job(&eager())
                {
                    self.finish(job);
                }
            }
            Move::Begin => {
                if self.begun.is_none() {
                    self.begun = self.collection.next_job(&eager());
                }
            }
            Move::Finish => {
                if let Some(job) = self.begun.take() {
                    self.finish(job);
                }
            }
            Move::Restart => self.restart()?,
            Move::Check(filter, query) => self.check(filter, query)?,
        }
        Ok(())
    }

    fn finish(&mut self, job: Job) {
        let done = self.shelf.run(job);
        self.collection = self.collection.install(&done).unwrap();
    }

    fn restart(&mut self) -> Result<(), TestCaseError> {
        if let Some(job) = self.begun.take() {
            self.finish(job);
        }
        if let Some(job) = self.collection.next_seal(&eager()) {
            self.finish(job);
        }
        let manifest = self
            .collection
            .manifest()
            .expect("nothing grows after a seal");
        let open = &mut |part: &PartRef| Ok(self.shelf.open(part));
        let restored = Collection::restore(manifest.clone(), open).unwrap();
        prop_assert_eq!(restored.manifest(), Some(manifest));
        self.collection = restored;
        Ok(())
    }

    fn check(&self, filter: &Filter, query: &[i8]) -> Result<(), TestCaseError> {
        self.check_seen(filter, query)?;
        let concealed = self.oracle.concealed();
        prop_assert_eq!(self.collection.concealed_ids(), concealed.clone());
        if concealed.is_empty() {
            return Ok(());
        }
        let unveiled = Self {
            collection: self.collection.unveiled(),
            oracle: self.oracle.unveiled(),
            ..Self::new()
        };
        unveiled.check_seen(filter, query)
    }

    fn check_seen(&self, filter: &Filter, query: &[i8]) -> Result<(), TestCaseError> {
        self.check_points()?;
        let matching = self.oracle.matching(Some(filter));
        prop_assert_eq!(
            self.collection.count(Some(filter), true).unwrap(),
            matching.len() as u64
        );
        prop_assert_eq!(self.scrolled(Some(filter), 7), matching, "{:?}", filter);
        self.check_order(filter)?;
        self.check_nearest(filter, query)
    }

    fn check_points(&self) -> Result<(), TestCaseError> {
        let select = Select {
            payload: PayloadSelect::All,
            vectors: VectorSelect::All,
        };
        let expected = self.oracle.points();
        let ids: Vec<PointId> = expected.keys().cloned().collect();
        prop_assert_eq!(self.collection.points(), ids.len() as u64);
        prop_assert_eq!(&self.scrolled(None, 5), &ids);
        for (record, (id, point)) in self
            .collection
            .retrieve(&ids, &select)
            .unwrap()
            .iter()
            .zip(expected)
        {
            prop_assert_eq!(&record.id, id);
            prop_assert_eq!(record.version, point.version);
            prop_assert_eq!(record.payload.as_ref(), Some(&point.payload));
            let dense = |v: &Vec<f32>| Vector::Dense(v.clone());
            let vectors: Vec<_> = point
                .vectors
                .iter()
                .map(|(n, v)| (n.clone(), dense(v)))
                .collect();
            prop_assert_eq!(record.vectors.as_ref(), Some(&vectors));
        }
        let from_the_end = |before, limit| {
            let last = self.collection.last(before, limit, &select).unwrap();
            last.into_iter().map(|record| record.id).collect::<Vec<_>>()
        };
        let mut backwards: Vec<PointId> = ids.iter().rev().cloned().collect();
        prop_assert_eq!(from_the_end(None, usize::MAX), backwards.clone());
        let middle = ids.get(ids.len() / 2);
        backwards.retain(|id| middle.is_none_or(|middle| id < middle));
        backwards.truncate(5);
        prop_assert_eq!(from_the_end(middle, 5), backwards);
        let missing = [PointId::Num(9999)];
        prop_assert_eq!(
            self.collection.retrieve(&missing, &select).unwrap().len(),
            0
        );
        Ok(())
    }

    /// All pages of a scroll.
    fn scrolled(&self, filter: Option<&Filter>, limit: usize) -> Vec<PointId> {
        let (mut ids, mut from) = (Vec::new(), None);
        loop {
            let page =
                self.collection
                    .scroll(filter, from.as_ref(), limit, None, &Select::default());
            let Reply::Page { records, next } = page.unwrap() else {
                panic!("a scroll answers with a page");
            };
            assert!(records.len() <= limit && (next.is_none() || records.len() == limit));
            ids.extend(records.into_iter().map(|(record, _)| record.id));
            from = next;
            if from.is_none() {
                return ids;
            }
        }
    }

    fn check_order(&self, filter: &Filter) -> Result<(), TestCaseError> {
        for direction in [Direction::Ascending, Direction::Descending] {
            let start_from = Some(StartFrom::Int(0));
            let order = OrderBy {
                path: path("n"),
                direction,
                start_from,
            };
            let page =
                self.collection
                    .scroll(Some(filter), None, 1000, Some(&order), &Select::default());
            let declared = self
                .collection
                .schema()
                .index(&path("n"))
                .map(|i| i.params.kind);
            if declared.is_none() {
                prop_assert!(page.is_err());
                continue;
            }
            let Ok(Reply::Page {
                records,
                next: None,
            }) = page
            else {
                return Err(TestCaseError::fail(format!("{page:?}")));
            };
            if declared != Some(FieldKind::Integer) {
                continue;
            }
            let found: Vec<(i64, PointId)> = records
                .into_iter()
                .map(|(record, value)| match value {
                    Some(OrderValue::Int(n)) => (n, record.id),
                    other => panic!("{other:?}"),
                })
                .collect();
            prop_assert_eq!(found, self.expected_order(filter, direction));
        }
        Ok(())
    }

    fn expected_order(&self, filter: &Filter, direction: Direction) -> Vec<(i64, PointId)> {
        let mut expected = Vec::new();
        for id in self.oracle.matching(Some(filter)) {
            let value = self.oracle.points()[&id].payload.get("n");
            let values = match value {
                Some(Value::Array(list)) => list.clone(),
                other => other.into_iter().cloned().collect(),
            };
            for value in values {
                if let Value::Int(n) = value {
                    expected.push((n, id.clone()));
                }
            }
        }
        // A point comes once for each of its different values.
        expected.sort();
        expected.dedup();
        match direction {
            Direction::Ascending => expected.retain(|(n, _)| *n >= 0),
            Direction::Descending => {
                expected.retain(|(n, _)| *n <= 0);
                expected.reverse();
            }
        }
        expected
    }

    fn check_nearest(&self, filter: &Filter, query: &[i8]) -> Result<(), TestCaseError> {
        let query: Vec<f32> = query.iter().map(|&c| f32::from(c)).collect();
        for (at, to) in [("", &query[..]), ("b", &query[..DIM_B])] {
            for filter in [None, Some(filter)] {
                for k in [1, 10, 1000] {
                    let expected = self.oracle.nearest(&name(at), to, filter, k);
                    let exact = self.nearest(at, to, filter, k, true, None);
                    prop_assert_eq!(&exact, &expected, "{} {:?}", at, filter);
                    self.check_plans(at, to, filter, k, &expected)?;
                }
            }
        }
        Ok(())
    }

    /// Walks over so few points, with so many candidates kept, miss next to nothing; what they do
    /// find has the right score.
    fn check_plans(
        &self,
        at: &str,
        to: &[f32],
        filter: Option<&Filter>,
        k: usize,
        expected: &[(PointId, f32)],
    ) -> Result<(), TestCaseError> {
        let all = self.oracle.nearest(&name(at), to, filter, usize::MAX);
        let plans = [
            None,
            Some(Plan::Scan),
            Some(Plan::FilteredScan),
            Some(Plan::Walk),
        ];
        for without in plans.into_iter().chain([Some(Plan::FilteredWalk)]) {
            let found = self.nearest(at, to, filter, k, false, without);
            prop_assert_eq!(found.len(), expected.len(), "{:?} {:?}", without, filter);
            for hit in &found {
                prop_assert!(all.contains(hit), "{:?} without {:?}", hit, without);
            }
            let worst = expected.last().map_or(0.0, |hit| hit.1);
            let good = found.iter().filter(|hit| hit.1 >= worst).count();
            prop_assert!(
                good * 10 >= expected.len() * 9,
                "{} of {}",
                good,
                expected.len()
            );
        }
        Ok(())
    }

    fn nearest(
        &self,
        at: &str,
        to: &[f32],
        filter: Option<&Filter>,
        limit: usize,
        exact: bool,
        without: Option<Plan>,
    ) -> Vec<(PointId, f32)> {
        let to = VectorQuery::Vector(Vector::Dense(to.to_vec()));
        let search = Search {
            collection: CollectionRef::in_default("c").unwrap(),
            rank: Some(Rank::Nearest {
                field: name(at),
                to,
            }),
            filter: filter.cloned(),
            params: SearchParams {
                ef: Some(100),
                exact,
                ..SearchParams::default()
            },
            score_bound: None,
            prefetch: Vec::new(),
            lookup_from: None,
            limit,
            offset: 0,
            select: Select::default(),
        };
        let hits = self
            .collection
            .search_with(&search, &self.scratch, switches(without));
        hits.unwrap()
            .into_iter()
            .map(|hit| (hit.record.id, hit.score))
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_brute_force(steps in moves(), last: Index) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.play(step)?;
        }
        let query: Vec<i8> = (0..DIM_A).map(|at| (last.index(9 + at) % 9) as i8 - 4).collect();
        pair.play(&Move::Check(Filter::All(Vec::new()), query))?;
    }

    #[test]
    fn equal_operations_give_equal_bytes(ops in prop::collection::vec(writes(), 1..8)) {
        let seal = || {
            let mut pair = Pair::new();
            for op in &ops {
                if let Ok(next) = pair.collection.apply(op) {
                    pair.collection = next;
                }
            }
            while let Some(job) = pair.collection.next_job(&eager()) {
                pair.finish(job);
            }
            (pair.shelf.contents(), pair.collection.manifest())
        };
        prop_assert_eq!(seal(), seal());
    }
}
