//! Points written: added, replaced, committed.
//!
//! Ids that are left out are chosen here: one more than the largest that is a number. Points must
//! be new when they are added, which the database checks in the step that writes them; if another
//! client took a chosen id meanwhile, others are chosen.

use std::collections::BTreeSet;

use gateway::Call;
use model::{
    NamedVectors, Object, Point, PointId, Target, UpsertMode, Vector, VectorName, WriteOp,
};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::collection::{add_primary, create, max_id};
use crate::error::Failure;
use crate::reply::{Answer, Params, success};
use crate::request::{At, Pairs, about_collection, batch_limited, body, write};
use crate::seen::Seen;
use crate::value::{WireId, id_json, object};

/// Attempts to choose ids that nobody takes meanwhile.
const ATTEMPTS: usize = 16;

/// A vector with what belongs to it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Item {
    pub(crate) vector: Vec<f32>,
    pub(crate) id: Option<WireId>,
    pub(crate) field: Option<Map<String, Json>>,
}

about_collection! {
    /// One item, as clients send it or as the manual says it.
    struct One {
        item: Option<Item>,
        vector: Option<Vec<f32>>,
        id: Option<WireId>,
        field: Option<Map<String, Json>>,
    }
}

about_collection! {
    /// Items, or the parallel lists of the manual and of 0.4.
    struct Many {
        items: Option<Vec<Item>>,
        vectors: Option<Vec<Vec<f32>>>,
        ids: Option<Vec<WireId>>,
        fields: Option<Vec<Option<Map<String, Json>>>>,
    }
}

impl Many {
    /// The items, however they were given.
    fn into_items(self) -> Result<Vec<Item>, Failure> {
        if let Some(items) = self.items {
            return Ok(items);
        }
        let Some(vectors) = self.vectors else {
            return Err(Failure::line(
                "Json deserialize error: missing field `items`",
            ));
        };
        let count = vectors.len();
        let differs = |given: Option<usize>| given.is_some_and(|given| given != count);
        if differs(self.ids.as_ref().map(Vec::len)) {
            return Err(Failure::bad("vectors length must match ids length"));
        }
        if differs(self.fields.as_ref().map(Vec::len)) {
            return Err(Failure::bad("vectors length must match fields length"));
        }
        let mut ids = self.ids.unwrap_or_default().into_iter();
        let mut fields = self.fields.unwrap_or_default().into_iter();
        let items = vectors.into_iter().map(|vector| Item {
            vector,
            id: ids.next(),
            field: fields.next().flatten(),
        });
        Ok(items.collect())
    }
}

/// Refuses batches that cannot be written, before anything is asked.
fn check(items: &[Item]) -> Result<usize, Failure> {
    batch_limited(items.len())?;
    let first = items.first();
    let dim = first
        .ok_or_else(|| Failure::bad("No items provided"))?
        .vector
        .len();
    if items.iter().any(|item| item.vector.len() != dim) {
        return Err(Failure::bad(
            "all vectors in a batch must have the same dimension",
        ));
    }
    Ok(dim)
}

/// Refuses an id that comes twice.
fn check_unique<'a>(ids: impl Iterator<Item = &'a PointId>, what: &str) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(Failure::argument(format_args!(
                "duplicate id {id} within the same {what} batch"
            )));
        }
    }
    Ok(())
}

/// The collection, made when there is none, with vectors of `dim` components.
async fn opened(call: &Call<'_>, at: &At, dim: usize) -> Result<Seen, Failure> {
    let collection = at.collection()?;
    let names = crate::collection::names(call, &collection.database).await?;
    if !names.contains(&collection.name) {
        let made = create(
            call,
            &collection,
            Some(dim as u64),
            Default::default(),
            None,
        );
        match made.await {
            Err(failure) if !failure.is_taken() => return Err(failure),
            Ok(()) | Err(_) => {}
        }
    }
    let seen = Seen::read(call, collection).await?;
    match seen.primary() {
        Some(field) if field.dim != dim => Err(Failure::bad(format!(
            "Dimension mismatch: expected {}, got {dim}",
            field.dim
        ))),
        Some(_) => Ok(seen),
        None => add_primary(call, seen, dim).await,
    }
}

/// Ids for all items: those given, and for the others the free ones after the largest.
async fn chosen(call: &Call<'_>, seen: &Seen, items: &[Item]) -> Result<Vec<PointId>, Failure> {
    let given: BTreeSet<&PointId> = items
        .iter()
        .filter_map(|item| item.id.as_ref().map(|id| &id.0))
        .collect();
    if given.len() == items.len() {
        let ids = items.iter().filter_map(|item| item.id.clone());
        return Ok(ids.map(|id| id.0).collect());
    }
    let full = || Failure::argument("no larger id is left");
    let mut next = match max_id(call, &seen.collection).await? {
        Some(max) => Some(max.checked_add(1).ok_or_else(full)?),
        None => Some(0),
    };
    let mut ids = Vec::with_capacity(items.len());
    for item in items {
        if let Some(id) = &item.id {
            ids.push(id.0.clone());
            continue;
        }
        let mut free = PointId::Num(next.ok_or_else(full)?);
        while given.contains(&free) {
            next = next.and_then(|n| n.checked_add(1));
            free = PointId::Num(next.ok_or_else(full)?);
        }
        next = next.and_then(|n| n.checked_add(1));
        ids.push(free);
    }
    Ok(ids)
}

fn primary_vector(seen: &Seen, vector: Vec<f32>) -> Result<NamedVectors, Failure> {
    let name = seen.must_primary()?.name;
    Ok(vec![(name, Vector::Dense(vector))])
}

/// Adds points that must be new, all or none, and gives their ids in order.
///
/// # Errors
/// When an id is taken or a vector does not fit.
pub(crate) async fn add(
    call: &Call<'_>,
    at: &At,
    items: Vec<Item>,
) -> Result<Vec<PointId>, Failure> {
    let dim = check(&items)?;
    let given = items.iter().filter_map(|item| item.id.as_ref());
    check_unique(given.map(|id| &id.0), "insert")?;
    let all_given = items.iter().all(|item| item.id.is_some());
    let seen = opened(call, at, dim).await?;
    let mut left = ATTEMPTS;
    loop {
        let ids = chosen(call, &seen, &items).await?;
        let mut points = Vec::with_capacity(items.len());
        for (id, item) in ids.iter().zip(&items) {
            points.push(Point {
                id: id.clone(),
                vectors: primary_vector(&seen, item.vector.clone())?,
                payload: item.field.clone().map(object).unwrap_or_default(),
            });
        }
        let insert = WriteOp::Upsert {
            points,
            mode: UpsertMode::InsertNew,
            condition: None,
        };
        left -= 1;
        match write(call, &seen.collection, vec![insert]).await {
            Ok(()) => return Ok(ids),
            Err(failure) if failure.is_taken() && !all_given && left > 0 => {
                // Is it one of those that the caller chose?
                if taken_among_given(call, &seen, &items).await? {
                    return Err(failure);
                }
            }
            Err(failure) => return Err(failure),
        }
    }
}

async fn taken_among_given(call: &Call<'_>, seen: &Seen, items: &[Item]) -> Result<bool, Failure> {
    let given = items.iter().filter_map(|item| item.id.clone());
    let retrieve = model::Query::Retrieve {
        collection: seen.collection.clone(),
        ids: given.map(|id| id.0).collect(),
        select: Default::default(),
    };
    match crate::request::ask_all(call, retrieve).await? {
        model::Reply::Records(records) => Ok(!records.is_empty()),
        other => Err(other.unexpected().into()),
    }
}

fn ids_json(ids: &[PointId]) -> Vec<Json> {
    ids.iter().map(id_json).collect()
}

pub(crate) async fn add_item(call: &Call<'_>) -> Answer {
    let asked: One = body(call)?;
    let at = asked.at();
    let flat = |vector| Item {
        vector,
        id: asked.id,
        field: asked.field,
    };
    let item = match (asked.item, asked.vector) {
        (Some(item), _) => item,
        (None, Some(vector)) => flat(vector),
        (None, None) => {
            return Err(Failure::line(
                "Json deserialize error: missing field `item`",
            ));
        }
    };
    let ids = add(call, &at, vec![item]).await?;
    let id = ids.first().map_or(Json::Null, id_json);
    Ok(success(at.echo_with("item", json!({ "id": id }))))
}

pub(crate) async fn bulk_add(call: &Call<'_>) -> Answer {
    let asked: Many = body(call)?;
    let at = asked.at();
    let ids = add(call, &at, asked.into_items()?).await?;
    Ok(success(at.echo_with("ids", ids_json(&ids))))
}

pub(crate) async fn upsert(call: &Call<'_>) -> Answer {
    let asked: Many = body(call)?;
    let at = asked.at();
    let ids = replace(call, &at, asked.into_items()?).await?;
    Ok(success(at.echo_with("ids", ids_json(&ids))))
}

/// Writes points whether they are new or not, and reveals them. Fields that are not given stay as
/// they are, and so do vectors of other fields.
///
/// # Errors
/// When an item has no id, one comes twice, or a vector does not fit.
pub(crate) async fn replace(
    call: &Call<'_>,
    at: &At,
    items: Vec<Item>,
) -> Result<Vec<PointId>, Failure> {
    let dim = check(&items)?;
    let ids: Option<Vec<PointId>> = items
        .iter()
        .map(|item| item.id.clone().map(|id| id.0))
        .collect();
    let ids =
        ids.ok_or_else(|| Failure::argument("upsert_items requires every item to include id"))?;
    check_unique(ids.iter(), "upsert")?;
    let seen = opened(call, at, dim).await?;
    let operations = replacing(&seen, &ids, items)?;
    write(call, &seen.collection, operations).await?;
    Ok(ids)
}

/// The operations that together replace what is given of `items`.
fn replacing(seen: &Seen, ids: &[PointId], items: Vec<Item>) -> Result<Vec<WriteOp>, Failure> {
    let mut whole = Vec::new();
    let mut new = Vec::new();
    let mut vectors = Vec::new();
    let mut payloads = Vec::new();
    for (id, item) in ids.iter().cloned().zip(items) {
        let given = primary_vector(seen, item.vector)?;
        let payload = item.field.map(object);
        if let Some(payload) = payload.clone().filter(|_| !seen.has_more_fields()) {
            whole.push(Point {
                id,
                vectors: given,
                payload,
            });
            continue;
        }
        new.push(Point {
            id: id.clone(),
            vectors: given.clone(),
            payload: Object::new(),
        });
        vectors.push((id.clone(), given));
        payloads.extend(payload.map(|payload| (id, payload)));
    }
    let mut operations = vec![WriteOp::Reveal { ids: ids.to_vec() }];
    let upsert = |points, mode| WriteOp::Upsert {
        points,
        mode,
        condition: None,
    };
    if !whole.is_empty() {
        operations.push(upsert(whole, UpsertMode::Upsert));
    }
    if !new.is_empty() {
        operations.push(upsert(new, UpsertMode::InsertOnly));
        operations.push(WriteOp::UpdateVectors {
            points: vectors,
            condition: None,
        });
    }
    operations.extend(
        payloads
            .into_iter()
            .map(|(id, payload)| WriteOp::OverwritePayload {
                target: Target::Ids(vec![id]),
                payload,
            }),
    );
    Ok(operations)
}

about_collection! {
    /// What is committed, if anything is left to be.
    struct Commit {
        items: Option<Vec<Item>>,
    }
}

pub(crate) async fn commit(call: &Call<'_>) -> Answer {
    let asked: Commit = body(call)?;
    let at = asked.at();
    match asked.items {
        Some(items) if !items.is_empty() => {
            add(call, &at, items).await?;
        }
        Some(_) | None => {
            Seen::open(call, &at).await?;
        }
    }
    let mut params = Params::new();
    params.insert("status".into(), "Success".into());
    params.insert("result".into(), at.echo().into());
    Ok(success(params))
}

/// Rows without fields, as bytes: `n_vectors` times `dim` components of four bytes, or of two where
/// the request says so.
pub(crate) async fn bulk_add_binary(call: &Call<'_>) -> Answer {
    let pairs = Pairs::of(call);
    let at = pairs.at()?;
    let rows = crate::frame::Rows::read(call, &pairs)?;
    let count = rows.count;
    let mut params = at.echo_with("n_vectors", count);
    if count == 0 {
        Seen::open(call, &at).await?;
        return Ok(success(params));
    }
    let items = rows.vectors()?.map(|vector| Item {
        vector,
        id: None,
        field: None,
    });
    let ids = add(call, &at, items.collect()).await?;
    if pairs.get::<bool>("return_ids")?.unwrap_or(false) {
        params.insert("ids".into(), ids_json(&ids).into());
    }
    Ok(success(params))
}

/// The vectors of named fields that a point is given, and nothing else of it.
pub(crate) fn named(id: PointId, field: VectorName, vector: Vector) -> (PointId, NamedVectors) {
    (id, vec![(field, vector)])
}
