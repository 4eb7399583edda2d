//! What the fixed collections answer.

use std::sync::Arc;

use bytes::Bytes;
use model::aggregate::{FacetHit, FacetValue, Group, GroupKey, Groups, MatrixRows};
use model::reply::OrderValue;
use model::{
    AttachmentRange, CollectionInfo, CollectionRef, CollectionSize, DatabaseName, Error, FieldPath,
    Metric, PlannedTask, PointId, Query, Rank, Reply, ScoredPoint, Search, SegmentSize, Status,
    Task, TaskEnd, Upkeep,
};

use super::World;
use super::archives::{kept, known};

/// Two results, at internal similarities −4 and −25 (or 4 and 0.5 where larger is better).
pub(super) fn scored(world: &World, search: &Search) -> Result<Reply, Error> {
    let collection = world.find(&search.collection)?;
    let schema = &collection.schema;
    let (scores, order_value) = match &search.rank {
        None | Some(Rank::Sample { .. }) => ([1.0, 1.0], None),
        Some(Rank::OrderBy(_)) => ([1.0, 1.0], Some(OrderValue::Int(1961))),
        Some(Rank::Fusion(_) | Rank::Formula(_)) => ([4.0, 0.5], None),
        Some(rank) if !rank.is_similarity() => ([0.5, -0.25], None),
        Some(rank) => {
            let field = rank.field().expect("a similarity has a field");
            let field = schema
                .vector(field)
                .ok_or(Error::no_vector_field(field.as_str()))?;
            match field.kind.metric() {
                Metric::Dot | Metric::Cosine => ([4.0, 0.5], None),
                Metric::L2 | Metric::L1 => ([-4.0, -25.0], None),
                metric => {
                    debug_assert!(metric.is_binary());
                    ([-1.0, -3.0], None)
                }
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
                record: world.record(collection, PointId::Num(id), &search.select),
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

fn describe(world: &World, collection: &CollectionRef) -> Result<Reply, Error> {
    Ok(Reply::Collection(Box::new(CollectionInfo {
        name: collection.name.clone(),
        schema: world.find(collection)?.schema.clone(),
        status: Status::Ready,
        points: 2,
        vectors: vec![2],
        size: SIZE,
        queued: 0,
        indexed_vectors: 0,
        segments: 1,
        index_points: vec![(FieldPath::parse("year").expect("a path"), 2)],
        operation: 7,
    })))
}

/// Points by id, page by page, from the end, or how many there are.
fn points(world: &World, query: Query) -> Result<Reply, Error> {
    match query {
        Query::ScrollBack {
            collection,
            limit,
            select,
            ..
        } => {
            let of = world.find(&collection)?;
            let ids = [2_u64, 1].into_iter().take(limit);
            let records = ids.map(|id| world.record(of, id.into(), &select));
            Ok(Reply::Records(records.collect()))
        }
        Query::Retrieve {
            collection,
            ids,
            select,
        } => {
            let of = world.find(&collection)?;
            // Ids from 100 on do not exist.
            let known = ids.into_iter().filter(|id| *id < PointId::Num(100));
            Ok(Reply::Records(
                known.map(|id| world.record(of, id, &select)).collect(),
            ))
        }
        Query::Scroll {
            collection,
            limit,
            order_by,
            select,
            ..
        } => {
            let of = world.find(&collection)?;
            let value = order_by.is_some().then_some(OrderValue::Int(1961));
            let records =
                (1..=limit.min(2) as u64).map(|id| (world.record(of, id.into(), &select), value));
            let next = (limit < 2).then_some(PointId::Num(2));
            Ok(Reply::Page {
                records: records.collect(),
                next,
            })
        }
        Query::Count { collection, .. } => world.find(&collection).map(|_| Reply::Count(2)),
        other => answer(world, other),
    }
}

/// Something is kept under every key but `none`.
fn attachment(key: &str, range: AttachmentRange) -> Result<Option<Bytes>, Error> {
    let kept = Bytes::from_static(b"hello world");
    if key == "none" {
        return Ok(None);
    }
    let from = range.offset as usize;
    let left = kept.len().checked_sub(from);
    let left = left.ok_or_else(|| Error::invalid("the range begins behind the end"))?;
    let wanted = range
        .length
        .map_or(left, |length| left.min(length as usize));
    Ok(Some(kept.slice(from..from + wanted)))
}

pub(super) fn answer(world: &World, query: Query) -> Result<Reply, Error> {
    match query {
        Query::ListDatabases => Ok(Reply::Databases(vec![DatabaseName::default()])),
        Query::ListConcealed(collection) => {
            let found = world.find(&collection);
            found.map(|_| Reply::Ids(vec![PointId::Num(3)]))
        }
        Query::WithConcealed(query) => answer(world, *query),
        Query::ReadAttachment {
            collection,
            key,
            range,
        } => {
            world.find(&collection)?;
            attachment(key.as_str(), range).map(Reply::Attachment)
        }
        Query::ListFields(collection) => {
            let payload = &world.find(&collection)?.payload;
            let names = payload.iter().map(|(name, _)| name.to_owned());
            Ok(Reply::Fields(names.collect()))
        }
        Query::ListCollections(_) => Ok(Reply::Collections(world.listed())),
        Query::ListAliases(_) => Ok(Reply::Aliases(world.aliases())),
        Query::ListSnapshots(scope) => {
            known(world, &scope).map(|()| Reply::Snapshots(vec![kept()]))
        }
        Query::CollectionExists(collection) => Ok(Reply::Exists(world.find(&collection).is_ok())),
        Query::DescribeCollection(collection) => describe(world, &collection),
        Query::MeasureCollection(collection) => world.find(&collection).map(|_| Reply::Size(SIZE)),
        Query::WatchUpkeep(collection) => world
            .find(&collection)
            .map(|_| Reply::Upkeep(Box::new(upkeep()))),
        Query::ReadAttributes(_) => Ok(Reply::Attributes(Arc::new(world.attributes()))),
        Query::ReadSchema(collection) => world
            .find(&collection)
            .map(|c| Reply::Schema(Arc::new(c.schema.clone()))),
        query @ (Query::Retrieve { .. }
        | Query::Scroll { .. }
        | Query::ScrollBack { .. }
        | Query::Count { .. }) => points(world, query),
        Query::Search(search) => scored(world, &search),
        Query::SearchBatch(searches) => searches
            .iter()
            .map(|search| scored(world, search))
            .collect::<Result<_, _>>()
            .map(Reply::Batch),
        Query::Within { query, .. } => in_time(world, *query),
        Query::Groups(groups) => grouped(world, &groups),
        Query::Facet(facet) => world
            .find(&facet.collection)
            .map(|_| Reply::Facet(facets())),
        Query::Matrix(matrix) => {
            world.find(&matrix.collection)?;
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
fn in_time(world: &World, query: Query) -> Result<Reply, Error> {
    match query {
        Query::Count { collection, .. } if collection.name.as_str() == "slow" => {
            let message = "the query took longer than 2000 ms";
            Err(Error::new(
                model::ErrorKind::Timeout,
                model::Subject::Request,
                message,
            ))
        }
        query => answer(world, query),
    }
}

/// Two groups with the same results.
fn grouped(world: &World, groups: &Groups) -> Result<Reply, Error> {
    let Reply::Scored(hits) = scored(world, &groups.search)? else {
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
