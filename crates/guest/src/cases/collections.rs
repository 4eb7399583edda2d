//! A collection that has sealed and growing rows, asked through the engine.

use std::fmt::Write;

use engine::{Collection, Plan, PlanSwitches, ScratchPool};
use model::filter::Range;
use model::{
    CollectionRef, ContextPair, Direction, Feedback, Filter, OrderBy, Rank, Reply, Scalar,
    ScoredPoint, Search, SearchParams, Select, Strategy, Test, Vector, VectorQuery,
};

use super::points::{DIM, field, lived_in, on, path};
use crate::noise::Noise;

/// Nearest points for every filter, with each plan switched off in turn, for several `ef`.
pub(super) fn searches() -> String {
    let mut noise = Noise::new(21);
    let collection = lived_in(&mut noise);
    let scratch = ScratchPool::new();
    let mut answers = String::new();
    assert!(collection.indexed_vectors() > 0, "nothing was indexed");
    for query in noise.clustered(6, DIM).chunks_exact(DIM) {
        for (name, filter) in filters() {
            for without in [None, Some(Plan::Scan), Some(Plan::FilteredScan)] {
                for ef in [None, Some(16), Some(200)] {
                    let search = nearest(query, filter.clone(), ef);
                    let switches = PlanSwitches {
                        without,
                        ..PlanSwitches::default()
                    };
                    let found = collection
                        .search_with(&search, &scratch, switches)
                        .expect("a valid search");
                    write!(answers, "{name} without {without:?} ef {ef:?}:").expect(FITS);
                    tell(&mut answers, &found);
                }
            }
        }
    }
    answers
}

/// Ranks by several vectors, by walks and by scans.
pub(super) fn examples() -> String {
    let mut noise = Noise::new(23);
    let collection = lived_in(&mut noise);
    let scratch = ScratchPool::new();
    let mut answers = String::new();
    for vectors in noise.clustered(30, DIM).chunks_exact(5 * DIM) {
        let mut vectors = vectors.chunks_exact(DIM);
        let given = |row: &[f32]| VectorQuery::Vector(Vector::Dense(row.to_vec()));
        let five: [VectorQuery; 5] =
            std::array::from_fn(|_| vectors.next().map(given).expect("five rows"));
        for rank in ranks(&five) {
            for (name, filter) in filters() {
                for without in [None, Some(Plan::Scan), Some(Plan::FilteredScan)] {
                    let search = ranked(rank.clone(), filter.clone(), Some(60));
                    let switches = PlanSwitches {
                        without,
                        ..PlanSwitches::default()
                    };
                    let found = collection
                        .search_with(&search, &scratch, switches)
                        .expect("a valid search");
                    write!(answers, "{name} without {without:?}:").expect(FITS);
                    tell(&mut answers, &found);
                }
            }
        }
    }
    answers
}

/// One rank of each kind.
fn ranks(of: &[VectorQuery; 5]) -> [Rank; 5] {
    let [a, b, c, d, e] = of;
    let pair = |positive: &VectorQuery, negative: &VectorQuery| ContextPair {
        positive: positive.clone(),
        negative: negative.clone(),
    };
    let recommend = |strategy| Rank::Recommend {
        field: field(),
        like: vec![a.clone(), b.clone(), c.clone()],
        unlike: vec![d.clone(), e.clone()],
        strategy,
    };
    [
        recommend(Strategy::BestScore),
        recommend(Strategy::SumScores),
        Rank::Discover {
            field: field(),
            target: a.clone(),
            context: vec![pair(b, c)],
        },
        Rank::Context {
            field: field(),
            context: vec![pair(a, b), pair(c, d)],
        },
        Rank::Feedback(Feedback {
            field: field(),
            target: a.clone(),
            rated: vec![(b.clone(), 0.9), (c.clone(), 0.4), (d.clone(), 0.2)],
            a: 0.8,
            b: 0.6,
            c: 0.4,
        }),
    ]
}

fn tell(answers: &mut String, found: &[ScoredPoint]) {
    for hit in found {
        let (id, bits) = (&hit.record.id, hit.score.to_bits());
        write!(answers, " {id:?}:{bits:08x}").expect(FITS);
    }
    answers.push('\n');
}

/// Counts, pages by id and pages in the order of a value.
pub(super) fn pages() -> String {
    let mut noise = Noise::new(22);
    let collection = lived_in(&mut noise);
    let mut answers = String::new();
    for (name, filter) in filters() {
        let filter = filter.as_ref();
        let count = collection.count(filter, true).expect("a valid filter");
        writeln!(answers, "{name}: {count}").expect(FITS);
        page(&mut answers, &collection, filter, None);
        for (by, direction) in [
            ("size", Direction::Ascending),
            ("weight", Direction::Descending),
        ] {
            let order = OrderBy {
                path: path(by),
                direction,
                start_from: None,
            };
            page(&mut answers, &collection, filter, Some(&order));
        }
    }
    answers
}

const FITS: &str = "a string takes everything";

fn page(
    answers: &mut String,
    collection: &Collection,
    filter: Option<&Filter>,
    order: Option<&OrderBy>,
) {
    let select = Select {
        payload: model::query::PayloadSelect::All,
        ..Select::default()
    };
    match collection
        .scroll(filter, None, 40, order, &select)
        .expect("a valid page")
    {
        Reply::Page { records, next } => {
            for (record, value) in records {
                writeln!(answers, "  {:?} {value:?} {:?}", record.id, record.payload).expect(FITS);
            }
            writeln!(answers, "  next {next:?}").expect(FITS);
        }
        other => panic!("not a page: {other:?}"),
    }
}

fn nearest(query: &[f32], filter: Option<Filter>, ef: Option<u32>) -> Search {
    let rank = Rank::Nearest {
        field: field(),
        to: VectorQuery::Vector(Vector::Dense(query.to_vec())),
    };
    ranked(rank, filter, ef)
}

fn ranked(rank: Rank, filter: Option<Filter>, ef: Option<u32>) -> Search {
    Search {
        collection: CollectionRef::in_default("any").expect("a valid name"),
        rank: Some(rank),
        filter,
        params: SearchParams {
            ef,
            ..SearchParams::default()
        },
        score_bound: None,
        prefetch: Vec::new(),
        lookup_from: None,
        limit: 10,
        offset: 0,
        select: Select::default(),
    }
}

fn filters() -> Vec<(&'static str, Option<Filter>)> {
    let amber = || on("colour", Test::Equals(Scalar::Str("amber".into())));
    let size = |lt| {
        on(
            "size",
            Test::Range(Range {
                lt: Some(lt),
                ..Range::default()
            }),
        )
    };
    let heavy = || {
        on(
            "weight",
            Test::Range(Range {
                gte: Some(0.5),
                ..Range::default()
            }),
        )
    };
    vec![
        ("everything", None),
        ("a keyword", Some(amber())),
        ("a range", Some(size(5.0))),
        ("a number without index", Some(heavy())),
        ("both", Some(Filter::All(vec![amber(), size(20.0)]))),
        (
            "either, not",
            Some(Filter::Any(vec![Filter::Not(Box::new(amber())), heavy()])),
        ),
        ("empty", Some(on("tags", Test::IsEmpty(true)))),
        (
            "changed since",
            Some(on("flag", Test::Equals(Scalar::Bool(true)))),
        ),
        ("none", Some(on("colour", Test::In(Vec::new())))),
    ]
}
