//! Vectors by id.

use std::collections::BTreeMap;

use gateway::Call;
use model::query::{PayloadSelect, VectorSelect};
use model::{FieldPath, PointId, Query, Record, Reply, Select, VectorName};
use serde::Serialize;

use super::{Stored, points};
use crate::envelope::{self, Answer};
use crate::error::{Code, Failure};
use crate::ids::Id;
use crate::names;
use crate::scope::{self, Scope};
use crate::view::View;

/// Most ids of one request.
const IDS_MAX: usize = 1000;

#[derive(Serialize)]
struct Found {
    code: u8,
    message: &'static str,
    vectors: Vec<Stored>,
}

/// Gives vectors in the order of their ids.
pub(crate) async fn get(call: &Call<'_>) -> Answer {
    let collection = names::in_path(call)?;
    let parameter = |wanted: &str| {
        let mut pairs = call.query_pairs();
        pairs
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value)
    };
    let Some(ids) = parameter("ids") else {
        let message = "Query param ids is required.";
        return Err(Failure::new(Code::QueryParamLoss, message));
    };
    let ids = ids.split(',').filter(|id| !id.trim().is_empty());
    let ids: Vec<Id> = ids.map(Id::parse).collect::<Result<_, _>>()?;
    if !(1..=IDS_MAX).contains(&ids.len()) {
        let message = format!("The number of ids must be within the range of 1 ~ {IDS_MAX}.");
        return Err(Failure::new(Code::IllegalArgument, message));
    }
    let view = View::open(call, collection).await?;
    let scope = match parameter("partition_tag").filter(|tag| !tag.is_empty()) {
        Some(tag) => Scope::one(&view.kept, &tag)?,
        None => Scope::whole(&view.kept),
    };
    let inside = match scope.filter() {
        Some(filter) => view.count(call, Some(filter)).await?,
        None => points(call, &view).await?,
    };
    if inside == 0 {
        let message = "Collection or partition is empty";
        return Err(Failure::new(Code::CollectionNotExists, message));
    }
    let mut found = stored(call, &view, &ids, Some(&view.field)).await?;
    found.retain(|_, record| scope.holds(record.payload.as_ref()));
    let vectors = ids.iter().map(|id| match found.get(&id.point()) {
        Some(record) => Stored::of(record.clone()),
        None => Ok(Stored::missing(*id)),
    });
    envelope::ok(&Found {
        code: 0,
        message: "OK",
        vectors: vectors.collect::<Result<_, _>>()?,
    })
}

/// The points of `ids` that exist, with their partition and, if asked for, their vector.
pub(super) async fn stored(
    call: &Call<'_>,
    view: &View,
    ids: &[Id],
    field: Option<&VectorName>,
) -> Result<BTreeMap<PointId, Record>, Failure> {
    let query = Query::Retrieve {
        collection: view.collection.clone(),
        ids: ids.iter().map(|id| id.point()).collect(),
        select: Select {
            payload: PayloadSelect::Include(vec![FieldPath::field(scope::FIELD)]),
            vectors: field.map_or(VectorSelect::Nothing, |field| {
                VectorSelect::Named(vec![field.clone()])
            }),
        },
    };
    match call.executor.query(query).await? {
        Reply::Records(records) => Ok(records
            .into_iter()
            .map(|record| (record.id.clone(), record))
            .collect()),
        other => Err(other.unexpected().into()),
    }
}
