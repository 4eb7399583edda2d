//! Facets, matrices and groups against what plain searches say, on sealed and growing segments.
#![allow(clippy::unwrap_used)]

mod shelf;

use std::collections::{BTreeMap, BTreeSet};

use model::aggregate::{Facet, FacetValue, Group, GroupKey, Groups, Matrix};
use model::command::{Point, Target};
use model::filter::{Range, Test};
use model::query::PayloadSelect;
use model::schema::{FieldIndex, IndexParams, VectorField};
use model::{
    CollectionRef, ConfigChange, Dim, Element, Error, ErrorKind, FieldKind, FieldPath, Filter,
    Metric, Object, PointId, Rank, Residency, Schema, ScoredPoint, Search, SearchParams, Select,
    UpsertMode, Value, Vector, VectorKind, VectorName, VectorQuery, WriteOp,
};
use proptest::prelude::*;
use shelf::Shelf;
use skerry_engine::{Collection, ENDLESS, JobPolicy, ScratchPool};

fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

fn schema() -> Schema {
    let index = |text: &str, kind| FieldIndex {
        path: path(text),
        params: IndexParams::new(kind),
    };
    Schema {
        vectors: vec![VectorField {
            name: VectorName::default(),
            since: 0,
            kind: VectorKind::Dense {
                dim: Dim::new(2).unwrap(),
                metric: Metric::L2,
                element: Element::F32,
            },
            index: None,
            index_metric: None,
            quantization: None,
            residency: Residency::Mapped,
        }],
        indexes: vec![
            index("b", FieldKind::Bool),
            index("f", FieldKind::Float),
            index("i", FieldKind::Integer),
            index("t", FieldKind::Keyword),
            index("u", FieldKind::Uuid),
        ],
        ..Schema::default()
    }
}

fn collection() -> CollectionRef {
    CollectionRef::in_default("c").unwrap()
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        4 => (0_i64..5).prop_map(Value::Int),
        4 => prop::sample::select(vec!["x", "y", "z"]).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::UInt(u64::MAX)),
        1 => Just(Value::Float(2.5)),
        1 => Just(Value::Null),
        2 => (0_u8..3).prop_map(|n| Value::Str(PointId::Uuid([n; 16]).to_string())),
    ];
    prop_oneof![
        5 => scalar.clone(),
        2 => prop::collection::vec(scalar, 0..4).prop_map(Value::Array),
    ]
}

fn payloads() -> impl Strategy<Value = Object> {
    let name = prop::sample::select(vec!["b", "i", "t", "u"]);
    prop::collection::vec((name, values()), 0..5).prop_map(|fields| fields.into_iter().collect())
}

fn points() -> impl Strategy<Value = Vec<Point>> {
    let vector = prop::collection::vec(-9_i8..9, 2)
        .prop_map(|v| Vector::Dense(v.into_iter().map(f32::from).collect()));
    let point = (0_u64..40, prop::option::weighted(0.9, vector), payloads());
    let point = point.prop_map(|(id, vector, payload)| Point {
        id: PointId::Num(id),
        vectors: vector
            .map(|v| (VectorName::default(), v))
            .into_iter()
            .collect(),
        payload,
    });
    prop::collection::vec(point, 0..25)
}

/// Three batches; what came before the second is sealed.
fn state(batches: [Vec<Point>; 3], deleted: Vec<u64>) -> Collection {
    let mut collection = Collection::create(schema()).unwrap();
    let mut shelf = Shelf::default();
    let eager = JobPolicy {
        idle_seal_rows: 1,
        ..JobPolicy::idle()
    };
    for (at, points) in batches.into_iter().enumerate() {
        let upsert = WriteOp::Upsert {
            points,
            mode: UpsertMode::Upsert,
            condition: None,
        };
        collection = collection.apply(&upsert).unwrap();
        while at < 2
            && let Some(job) = collection.next_job(&eager)
        {
            collection = collection.install(&shelf.run(job)).unwrap();
        }
    }
    let target = Target::Ids(deleted.into_iter().map(PointId::Num).collect());
    collection.apply(&WriteOp::Delete { target }).unwrap()
}

fn states() -> impl Strategy<Value = Collection> {
    let deleted = prop::collection::vec(0_u64..40, 0..8);
    ([points(), points(), points()], deleted).prop_map(|(batches, deleted)| state(batches, deleted))
}

fn filters() -> impl Strategy<Value = Option<Filter>> {
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(Filter::Field {
            path: path("i"),
            test: Test::Range(Range { gte: Some(2.0), ..Range::default() }),
        })),
        1 => (0_u32..3).prop_map(|index| Some(Filter::Slice { total: 3, index })),
    ]
}

/// All points that match with their payloads, nearest to `to` first, or by id.
fn search(filter: Option<Filter>, to: Option<[f32; 2]>) -> Search {
    Search {
        collection: collection(),
        rank: to.map(|to| Rank::Nearest {
            field: VectorName::default(),
            to: VectorQuery::Vector(Vector::Dense(to.to_vec())),
        }),
        filter,
        params: SearchParams::default(),
        score_bound: None,
        prefetch: Vec::new(),
        lookup_from: None,
        limit: 1000,
        offset: 0,
        select: Select {
            payload: PayloadSelect::All,
            ..Select::default()
        },
    }
}

/// The values at a top-level field, lists by their elements.
fn leaves<'a>(hit: &'a ScoredPoint, name: &str) -> Vec<&'a Value> {
    match hit.record.payload.as_ref().unwrap().get(name) {
        None => Vec::new(),
        Some(Value::Array(list)) => list.iter().collect(),
        Some(value) => vec![value],
    }
}

fn counted(value: &Value, kind: FieldKind) -> Option<FacetValue> {
    match (value, kind) {
        (Value::Bool(b), FieldKind::Bool) => Some(FacetValue::Bool(*b)),
        (Value::Int(n), FieldKind::Integer) => Some(FacetValue::Int(*n)),
        (Value::Str(text), FieldKind::Keyword) => Some(FacetValue::Text(text.clone())),
        (Value::Str(text), FieldKind::Uuid) => {
            let digits = u8::from_str_radix(text.get(..2)?, 16).ok()?;
            Some(FacetValue::Uuid([digits; 16]))
        }
        _ => None,
    }
}

fn naive_groups(hits: &[ScoredPoint], groups: usize, per_group: usize) -> Vec<Group> {
    let mut found: Vec<Group> = Vec::new();
    for hit in hits {
        let keys: Option<Vec<GroupKey>> = leaves(hit, "t")
            .into_iter()
            .map(|value| match value {
                Value::Int(n) => Some(GroupKey::Int(*n)),
                Value::UInt(n) => Some(GroupKey::UInt(*n)),
                Value::Str(text) => Some(GroupKey::Text(text.clone())),
                _ => None,
            })
            .collect();
        let keys = keys.unwrap_or_default();
        for (at, key) in keys.iter().enumerate() {
            if keys[..at].contains(key) {
                continue;
            }
            let key = key.clone();
            let at = found.iter().position(|group| group.key == key);
            let at = at.unwrap_or_else(|| {
                let hits = Vec::new();
                found.push(Group { key, hits });
                found.len() - 1
            });
            if found[at].hits.len() < per_group {
                found[at].hits.push(hit.clone());
            }
        }
    }
    found.truncate(groups);
    found
}

proptest! {
    #[test]
    fn facets_count_points_per_value(
        state in states(), filter in filters(), limit in 1_usize..5,
    ) {
        let hits = state.search(&search(filter.clone(), None), &ScratchPool::new()).unwrap();
        for index in &schema().indexes {
            let kind = index.params.kind;
            let facet = Facet {
                collection: collection(),
                path: index.path.clone(),
                filter: filter.clone(),
                limit,
            };
            let Ok(found) = state.facet(&facet) else {
                prop_assert_eq!(kind, FieldKind::Float);
                continue;
            };
            prop_assert_ne!(kind, FieldKind::Float);
            let mut counts: BTreeMap<FacetValue, u64> = BTreeMap::new();
            for hit in &hits {
                let values = leaves(hit, &index.path.to_string()).into_iter();
                let values: BTreeSet<_> = values.filter_map(|v| counted(v, kind)).collect();
                for value in values {
                    *counts.entry(value).or_default() += 1;
                }
            }
            let mut wanted: Vec<_> = counts.into_iter().collect();
            wanted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            wanted.truncate(limit);
            let found: Vec<_> = found.into_iter().map(|hit| (hit.value, hit.count)).collect();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn groups_are_those_of_one_long_search(
        state in states(),
        filter in filters(),
        groups in 1_usize..6,
        per_group in 1_usize..5,
        to in prop::option::of((-9_i8..9, -9_i8..9)),
    ) {
        let to = to.map(|(x, y)| [f32::from(x), f32::from(y)]);
        let search = search(filter, to);
        let hits = state.search(&search, &ScratchPool::new()).unwrap();
        let asked = Groups { search, by: path("t"), groups, per_group };
        let found = state.groups(&asked, &ScratchPool::new(), ENDLESS).unwrap();
        prop_assert_eq!(found, naive_groups(&hits, groups, per_group));
    }

    #[test]
    fn matrices_hold_the_nearest_of_the_sample(
        state in states(),
        filter in filters(),
        sample in 2_usize..9,
        limit in 1_usize..5,
        seed: u64,
    ) {
        let everything = search(filter.clone(), Some([0.0, 0.0]));
        let matching = state.search(&everything, &ScratchPool::new()).unwrap();
        let asked = Matrix {
            collection: collection(),
            field: VectorName::default(),
            filter,
            sample,
            limit,
        };
        let found = state.matrix(&asked, seed, &ScratchPool::new(), ENDLESS).unwrap();
        let again = state.matrix(&asked, seed, &ScratchPool::new(), ENDLESS).unwrap();
        prop_assert_eq!(&found, &again);
        let wanted = if matching.len() < 2 { 0 } else { sample.min(matching.len()) };
        prop_assert_eq!(found.ids.len(), wanted);
        prop_assert!(found.ids.is_sorted_by(|a, b| a < b));
        let known: BTreeSet<_> = matching.iter().map(|hit| &hit.record.id).collect();
        prop_assert!(found.ids.iter().all(|id| known.contains(id)));
        for (row, id) in found.rows.iter().zip(&found.ids) {
            let others: Vec<PointId> = found.ids.iter().filter(|o| *o != id).cloned().collect();
            let mut near = search(Some(Filter::HasId(others)), None);
            near.rank = Some(Rank::Nearest {
                field: VectorName::default(),
                to: VectorQuery::Point(id.clone()),
            });
            near.limit = limit;
            let near = state.search(&near, &ScratchPool::new()).unwrap();
            let row: Vec<_> = row.iter().map(|(at, score)| (&found.ids[*at], *score)).collect();
            let near: Vec<_> = near.iter().map(|hit| (&hit.record.id, hit.score)).collect();
            prop_assert_eq!(row, near);
        }
    }
}

#[test]
fn samples_do_not_depend_on_segments_and_reach_every_point() {
    let point = |id: u64| Point {
        id: PointId::Num(id),
        vectors: vec![(VectorName::default(), Vector::Dense(vec![id as f32, 1.0]))],
        payload: Object::new(),
    };
    let one = state([(0..40).map(point).collect(), vec![], vec![]], vec![]);
    let three = state(
        [
            (20..40).map(point).collect(),
            (0..10).map(point).collect(),
            (10..20).map(point).collect(),
        ],
        vec![],
    );
    let asked = Matrix {
        collection: collection(),
        field: VectorName::default(),
        filter: None,
        sample: 4,
        limit: 1,
    };
    let mut seen = BTreeMap::new();
    for seed in 0..1000 {
        let sampled = one
            .matrix(&asked, seed, &ScratchPool::new(), ENDLESS)
            .unwrap()
            .ids;
        let other = three
            .matrix(&asked, seed, &ScratchPool::new(), ENDLESS)
            .unwrap()
            .ids;
        assert_eq!(sampled, other);
        for id in sampled {
            *seen.entry(id).or_insert(0) += 1;
        }
    }
    // Each is expected 100 times; a binomial count leaves 60..140 once in 20,000 such tests.
    assert!(
        seen.len() == 40 && seen.values().all(|n| (60..140).contains(n)),
        "{seen:?}"
    );
}

#[test]
fn what_is_not_indexed_for_it_is_not_counted() {
    let empty = Collection::create(schema()).unwrap();
    for (name, ok) in [("t", true), ("f", false), ("nowhere", false)] {
        let facet = Facet {
            collection: collection(),
            path: path(name),
            filter: None,
            limit: 3,
        };
        assert_eq!(empty.facet(&facet).is_ok(), ok, "{name}");
    }
}

#[test]
fn who_loses_patience_gets_no_answer() {
    let point = |id: u64| Point {
        id: PointId::Num(id),
        vectors: vec![(VectorName::default(), Vector::Dense(vec![id as f32, 1.0]))],
        payload: Object::new(),
    };
    let state = state([(0..9).map(point).collect(), vec![], vec![]], vec![]);
    let left = std::sync::atomic::AtomicUsize::new(2);
    let patience = || {
        let before = left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        (before > 0).then_some(()).ok_or(Error::invalid("too late"))
    };
    let asked = Matrix {
        collection: collection(),
        field: VectorName::default(),
        filter: None,
        sample: 4,
        limit: 1,
    };
    let found = state.matrix(&asked, 1, &ScratchPool::new(), &patience);
    assert_eq!(found, Err(Error::invalid("too late")));
}

#[test]
fn settings_derived_from_older_ones_are_refused() {
    let before = Collection::create(schema()).unwrap();
    let attributes: Object = [("x", Value::Int(1))].into_iter().collect();
    let change = WriteOp::Configure(ConfigChange {
        attributes: Some(attributes.clone()),
        derived_from: Some(Object::new()),
        ..ConfigChange::default()
    });
    let after = before.apply(&change).unwrap();
    assert_eq!(after.schema().attributes, attributes);
    let refused = after.apply(&change).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
}
