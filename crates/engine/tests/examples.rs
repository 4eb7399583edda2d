//! Ranks by several vectors: what a walk over a graph finds of what the scan of all rows finds.
#![allow(clippy::unwrap_used)]

mod shelf;

use std::collections::BTreeMap;

use model::command::{Point, Target};
use model::schema::VectorField;
use model::{
    CollectionRef, ContextPair, Dim, Element, Feedback, FieldPath, Filter, HnswConfig, Metric,
    PointId, Quantization, Rank, Residency, Scalar, Schema, Search, SearchParams, Select, Strategy,
    Test, UpsertMode, Value, Vector, VectorKind, VectorName, VectorQuery, WriteOp,
};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};
use skerry_engine::{Collection, JobPolicy, Plan, PlanSwitches, ScratchPool};

use shelf::Shelf;

/// A small generator (SplitMix64): tests must not depend on a crate's stream.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `-1..1`.
    fn component(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Rows of `dim` components.
struct Rows {
    dim: usize,
    metric: Metric,
    components: Vec<f32>,
}

impl Rows {
    /// Around a hundred centres.
    fn clustered(rows: usize, dim: usize, metric: Metric) -> Self {
        let mut centres_from = Random(7);
        let centres: Vec<f32> = (0..100 * dim).map(|_| centres_from.component()).collect();
        let mut random = Random(1);
        let mut components = Vec::with_capacity(rows * dim);
        for _ in 0..rows {
            let centre = (random.next() % 100) as usize;
            let centre = &centres[centre * dim..][..dim];
            components.extend(centre.iter().map(|c| c + 0.5 * random.component()));
        }
        Self {
            dim,
            metric,
            components,
        }
    }

    fn len(&self) -> usize {
        self.components.len() / self.dim
    }

    fn row(&self, at: u64) -> Vector {
        Vector::Dense(self.components[at as usize * self.dim..][..self.dim].to_vec())
    }

    fn schema(&self, quantization: Option<Quantization>) -> Schema {
        let mut schema = Schema {
            vectors: vec![VectorField {
                name: VectorName::default(),
                since: 0,
                kind: VectorKind::Dense {
                    dim: Dim::new(self.dim as u64).unwrap(),
                    metric: self.metric,
                    element: Element::F32,
                },
                index: None,
                index_metric: None,
                quantization,
                residency: Residency::Mapped,
            }],
            hnsw: HnswConfig {
                full_scan_threshold_kb: 1,
                ..HnswConfig::default()
            },
            ..Schema::default()
        };
        schema.segments.indexing_threshold_kb = 1;
        schema
    }

    /// A collection of all rows in one segment with a graph.
    fn collection(&self, quantization: Option<Quantization>) -> Collection {
        let mut collection = Collection::create(self.schema(quantization)).unwrap();
        let points = (0..self.len() as u64).map(|id| Point {
            id: PointId::Num(id),
            vectors: vec![(VectorName::default(), self.row(id))],
            payload: [("n", Value::Int((id % 10) as i64))].into_iter().collect(),
        });
        let upsert = WriteOp::Upsert {
            points: points.collect(),
            mode: UpsertMode::Upsert,
            condition: None,
        };
        collection = collection.apply(&upsert).unwrap();
        let policy = JobPolicy {
            idle_seal_rows: 1,
            ..JobPolicy::idle()
        };
        let mut shelf = Shelf::default();
        while let Some(job) = collection.next_job(&policy) {
            collection = collection.install(&shelf.run(job)).unwrap();
        }
        assert_eq!(collection.indexed_vectors(), self.len() as u64);
        collection
    }
}

/// What can be asked with several vectors.
const RANKS: [&str; 10] = [
    "best score of 3",
    "best score of 3 and 2",
    "best score of none and 1",
    "best score of none and 3",
    "sum of scores of 3 and 2",
    "discovery of 1 pair",
    "discovery of 3 pairs",
    "discovery of 6 pairs",
    "context of 3 pairs",
    "feedback of 4",
];

/// The rank of that name, of rows that `random` chooses.
fn rank(name: &str, rows: &Rows, random: &mut Random) -> Rank {
    let field = VectorName::default();
    let mut one = || VectorQuery::Vector(rows.row(random.next() % rows.len() as u64));
    let recommend =
        |like, unlike, strategy, one: &mut dyn FnMut() -> VectorQuery| Rank::Recommend {
            field: field.clone(),
            like: (0..like).map(|_| one()).collect(),
            unlike: (0..unlike).map(|_| one()).collect(),
            strategy,
        };
    let pairs = |count, one: &mut dyn FnMut() -> VectorQuery| -> Vec<ContextPair> {
        let pair = |_| ContextPair {
            positive: one(),
            negative: one(),
        };
        (0..count).map(pair).collect()
    };
    let discover = |count, one: &mut dyn FnMut() -> VectorQuery| Rank::Discover {
        field: field.clone(),
        target: one(),
        context: pairs(count, one),
    };
    match name {
        "best score of 3" => recommend(3, 0, Strategy::BestScore, &mut one),
        "best score of 3 and 2" => recommend(3, 2, Strategy::BestScore, &mut one),
        "best score of none and 1" => recommend(0, 1, Strategy::BestScore, &mut one),
        "best score of none and 3" => recommend(0, 3, Strategy::BestScore, &mut one),
        "sum of scores of 3 and 2" => recommend(3, 2, Strategy::SumScores, &mut one),
        "discovery of 1 pair" => discover(1, &mut one),
        "discovery of 3 pairs" => discover(3, &mut one),
        "discovery of 6 pairs" => discover(6, &mut one),
        "context of 3 pairs" => Rank::Context {
            context: pairs(3, &mut one),
            field,
        },
        "feedback of 4" => Rank::Feedback(Feedback {
            rated: [0.9, 0.5, 0.4, 0.1].map(|rating| (one(), rating)).to_vec(),
            target: one(),
            field,
            a: 0.8,
            b: 0.6,
            c: 0.4,
        }),
        other => panic!("no rank is called {other}"),
    }
}

fn search(rank: Rank, filter: Option<Filter>, params: SearchParams) -> Search {
    Search {
        collection: CollectionRef::in_default("c").unwrap(),
        rank: Some(rank),
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

fn found(collection: &Collection, search: &Search) -> Vec<(PointId, f32)> {
    found_with(collection, search, PlanSwitches::default())
}

/// By walks wherever one can answer.
fn walked(collection: &Collection, search: &Search) -> Vec<(PointId, f32)> {
    let scan = match search.filter {
        None => Plan::Scan,
        Some(_) => Plan::FilteredScan,
    };
    let switches = PlanSwitches {
        without: Some(scan),
        without_memory: true,
    };
    found_with(collection, search, switches)
}

fn found_with(
    collection: &Collection,
    search: &Search,
    switches: PlanSwitches,
) -> Vec<(PointId, f32)> {
    let hits = collection.search_with(search, &ScratchPool::new(), switches);
    let hits = hits.unwrap().into_iter();
    hits.map(|hit| (hit.record.id, hit.score)).collect()
}

fn exact() -> SearchParams {
    SearchParams {
        exact: true,
        ..SearchParams::default()
    }
}

fn below(n: i64) -> Filter {
    let path = FieldPath::parse("n").unwrap();
    let numbers = (0..n).map(Scalar::Int).collect();
    Filter::Field {
        path,
        test: Test::In(numbers),
    }
}

/// What walks found of what scans did.
#[derive(Default)]
struct Recall {
    wanted: usize,
    /// The same points.
    same: usize,
    /// Points as good as the last that the scan found.
    as_good: usize,
}

impl Recall {
    /// Compares the two ways to answer; the walk keeps `ef` candidates.
    fn ask(&mut self, collection: &Collection, rank: &Rank, filter: Option<Filter>, ef: Ef) {
        let by = |params| search(rank.clone(), filter.clone(), params);
        let walk = by(SearchParams {
            ef,
            ..SearchParams::default()
        });
        let scan = by(exact());
        let wanted = found(collection, &scan);
        let near = found(collection, &walk);
        assert_eq!(near.len(), wanted.len(), "{rank:?}");
        assert!(near.is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0)));
        let last = wanted.last().unwrap().1;
        self.wanted += wanted.len();
        self.as_good += near.iter().filter(|hit| hit.1 >= last).count();
        // With their scores, to the bit.
        self.same += near.iter().filter(|hit| wanted.contains(hit)).count();
    }

    /// Of a hundred ranks of that name.
    fn of(collection: &Collection, rows: &Rows, name: &str, n: Option<i64>, ef: Ef) -> Self {
        let mut recall = Self::default();
        for query in 0..100 {
            let rank = rank(name, rows, &mut Random(1000 + query));
            recall.ask(collection, &rank, n.map(below), ef);
        }
        recall
    }

    fn share(&self) -> f64 {
        self.as_good as f64 / self.wanted as f64
    }
}

type Ef = Option<u32>;

fn print(what: &str, recall: &Recall) {
    let same = recall.same as f64 / recall.wanted as f64;
    println!("{what}: as good {:.4}, the same {same:.4}", recall.share());
}

#[test]
fn walks_find_what_scans_find() {
    for metric in [Metric::Cosine, Metric::L2, Metric::Dot, Metric::L1] {
        let rows = Rows::clustered(6000, 16, metric);
        let collection = rows.collection(None);
        for name in RANKS {
            // A walk is worth it above twenty rows for each of the candidates.
            for (n, ef, least) in [(None, 250, 0.94), (Some(5), 120, 0.9)] {
                let recall = Recall::of(&collection, &rows, name, n, Some(ef));
                print(&format!("{metric:?} {name}, filter {n:?}"), &recall);
                assert!(recall.share() >= least, "{metric:?} {name} {n:?}");
            }
        }
    }
}

#[test]
fn a_plateau_ends_a_walk() {
    let rows = Rows::clustered(6000, 16, Metric::Cosine);
    let collection = rows.collection(None);
    let one = |at| VectorQuery::Vector(rows.row(at));
    let rank = Rank::Context {
        field: VectorName::default(),
        context: vec![ContextPair {
            positive: one(1),
            negative: one(2),
        }],
    };
    let asked = search(rank, None, SearchParams::default());
    let walked = walked(&collection, &asked);
    assert_eq!(walked.len(), 10);
    assert!(walked.iter().all(|hit| hit.1 == 0.0), "{walked:?}");
    // A scan gives the first by id: this was a walk.
    let mut scan = asked;
    scan.params = exact();
    assert_ne!(found(&collection, &scan), walked);
}

#[test]
fn what_is_asked_of_codes_is_done() {
    let rows = Rows::clustered(3000, 16, Metric::L2);
    let collection = rows.collection(Some(Quantization::Binary {
        bits: model::CodeBits::One,
        query: model::QueryBits::Auto,
    }));
    let rank = rank("best score of 3 and 2", &rows, &mut Random(5));
    let by = |codes| {
        let params = SearchParams {
            codes,
            ..SearchParams::default()
        };
        walked(&collection, &search(rank.clone(), None, params))
    };
    let scanned = found(&collection, &search(rank.clone(), None, exact()));
    let ignoring = by(model::CodeUse {
        ignore: true,
        ..model::CodeUse::default()
    });
    assert_eq!(ignoring, scanned);
    let rescored = by(model::CodeUse {
        oversampling: Some(20.0),
        ..model::CodeUse::default()
    });
    let same = rescored.iter().filter(|hit| scanned.contains(hit)).count();
    assert!(same >= 7, "{rescored:?}, not {scanned:?}");
    let estimated = by(model::CodeUse {
        rescore: Some(false),
        ..model::CodeUse::default()
    });
    assert_eq!(estimated.len(), 10);
    // Seldom equal to what the rows say.
    let same = estimated.iter().filter(|hit| scanned.contains(hit)).count();
    assert!(same <= 7, "{estimated:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    // Whatever a walk finds may be found, has the score that the scan gives it, and is found
    // again by another process.
    #[test]
    fn walks_tell_the_scores_of_scans(
        count in 60_usize..400,
        name in prop::sample::select(&RANKS[..]),
        seed in any::<u64>(),
        n in prop::option::of(1_i64..10),
        gone in prop::collection::btree_set(0_u64..400, 0..80),
        metric in prop::sample::select(vec![Metric::Cosine, Metric::L2, Metric::Dot, Metric::L1]),
    ) {
        let rows = Rows::clustered(count, 8, metric);
        let mut collection = rows.collection(None);
        let target = Target::Ids(gone.iter().map(|&id| PointId::Num(id)).collect());
        collection = collection.apply(&WriteOp::Delete { target }).unwrap();
        let rank = rank(name, &rows, &mut Random(seed));
        let asked = search(rank.clone(), n.map(below), SearchParams::default());
        let mut all = search(rank, n.map(below), exact());
        all.limit = count;
        let scanned: BTreeMap<PointId, f32> = found(&collection, &all).into_iter().collect();
        let near = walked(&collection, &asked);
        prop_assert_eq!(near.len(), scanned.len().min(10));
        for (id, score) in &near {
            prop_assert_eq!(scanned.get(id), Some(score));
        }
        prop_assert!(near.is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0)));
        prop_assert_eq!(walked(&rows.collection(None).apply(&WriteOp::Delete {
            target: Target::Ids(gone.iter().map(|&id| PointId::Num(id)).collect()),
        }).unwrap(), &asked), near);
    }
}
