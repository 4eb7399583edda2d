//! Changing payloads.

use gateway::Call;
use model::{Target, WriteOp};
use serde::Deserialize;

use crate::envelope::Answer;
use crate::error::Failure;
use crate::filter::WireFilter;
use crate::ids::{self, WireId};
use crate::points::{self, WireSelector};
use crate::request::{self, ShardKey};
use crate::select;
use crate::value::WireObject;

/// Fields to set, and where.
#[derive(Deserialize)]
pub(crate) struct WireSetPayload {
    payload: WireObject,
    points: Option<Vec<WireId>>,
    filter: Option<WireFilter>,
    shard_key: ShardKey,
    key: Option<String>,
}

/// Paths to remove, and where.
#[derive(Deserialize)]
pub(crate) struct WireDeletePayload {
    keys: Vec<String>,
    points: Option<Vec<WireId>>,
    filter: Option<WireFilter>,
    shard_key: ShardKey,
}

/// Ids win over a filter.
fn target(points: Option<Vec<WireId>>, filter: Option<WireFilter>) -> Result<Target, Failure> {
    match (points, filter) {
        (Some(ids), _) => Ok(Target::Ids(ids::decode(ids))),
        (None, Some(filter)) => Ok(Target::Filter(filter.decode("filter")?)),
        (None, None) => Err(Failure::format(
            "Either list of point ids or filter must be provided",
        )),
    }
}

impl WireSetPayload {
    /// Merges into what is there.
    pub(crate) fn decode_set(self) -> Result<WriteOp, Failure> {
        request::no_shard_key(&self.shard_key)?;
        let at = self.key.as_deref().map(select::path).transpose()?;
        let target = target(self.points, self.filter)?;
        Ok(WriteOp::SetPayload {
            target,
            payload: self.payload.0,
            at,
        })
    }

    /// Replaces what is there. Qdrant, too, replaces the whole payload when there is a `key`.
    pub(crate) fn decode_overwrite(self) -> Result<WriteOp, Failure> {
        self.key.as_deref().map(select::path).transpose()?;
        request::no_shard_key(&self.shard_key)?;
        let target = target(self.points, self.filter)?;
        Ok(WriteOp::OverwritePayload {
            target,
            payload: self.payload.0,
        })
    }
}

impl WireDeletePayload {
    /// # Errors
    /// When a path is malformed or no points are named.
    pub(crate) fn decode(self) -> Result<WriteOp, Failure> {
        request::no_shard_key(&self.shard_key)?;
        let target = target(self.points, self.filter)?;
        Ok(WriteOp::DeletePayload {
            target,
            paths: select::paths(&self.keys)?,
        })
    }
}

/// `POST /collections/{collection_name}/points/payload`
pub(crate) async fn set(call: &Call<'_>) -> Answer {
    let operation = request::body::<WireSetPayload>(call)?.decode_set()?;
    points::apply(call, vec![operation]).await
}

/// `PUT /collections/{collection_name}/points/payload`
pub(crate) async fn overwrite(call: &Call<'_>) -> Answer {
    let operation = request::body::<WireSetPayload>(call)?.decode_overwrite()?;
    points::apply(call, vec![operation]).await
}

/// `POST /collections/{collection_name}/points/payload/delete`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let operation = request::body::<WireDeletePayload>(call)?.decode()?;
    points::apply(call, vec![operation]).await
}

/// `POST /collections/{collection_name}/points/payload/clear`
pub(crate) async fn clear(call: &Call<'_>) -> Answer {
    let target = request::body::<WireSelector>(call)?.decode()?;
    points::apply(call, vec![WriteOp::ClearPayload { target }]).await
}
