//! Several updates in one request.

use gateway::Call;
use model::{Query, Reply, WriteOp};
use serde::Deserialize;

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::payload::{WireDeletePayload, WireSetPayload};
use crate::points::{Updated, WireDeleteVectors, WireSelector, WireUpdateVectors, WireUpsert};
use crate::request;

#[derive(Deserialize)]
struct WireOperations {
    operations: Vec<WireOperation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireOperation {
    Upsert(WireUpsert),
    Delete(WireSelector),
    SetPayload(WireSetPayload),
    OverwritePayload(WireSetPayload),
    DeletePayload(WireDeletePayload),
    ClearPayload(WireSelector),
    UpdateVectors(WireUpdateVectors),
    DeleteVectors(WireDeleteVectors),
}

impl WireOperation {
    fn decode(self) -> Result<Vec<WriteOp>, Failure> {
        Ok(vec![match self {
            Self::Upsert(upsert) => upsert.decode()?,
            Self::Delete(selector) => selector.decode_delete()?,
            Self::SetPayload(set) => set.decode_set()?,
            Self::OverwritePayload(set) => set.decode_overwrite()?,
            Self::DeletePayload(delete) => delete.decode()?,
            Self::ClearPayload(selector) => WriteOp::ClearPayload {
                target: selector.decode()?,
            },
            Self::UpdateVectors(update) => update.decode()?,
            Self::DeleteVectors(delete) => return delete.decode(),
        }])
    }
}

/// `POST /collections/{collection_name}/points/batch`
///
/// All or none of the updates take effect: they become one entry of the log.
pub(crate) async fn update(call: &Call<'_>) -> Answer {
    let collection = request::collection(call)?;
    let visibility = request::write_parameters(call)?;
    let wire: WireOperations = request::body(call)?;
    let decoded: Vec<Vec<WriteOp>> = wire
        .operations
        .into_iter()
        .map(WireOperation::decode)
        .collect::<Result<_, _>>()?;
    if decoded.is_empty() {
        return match request::query(call, Query::CollectionExists(collection.clone())).await? {
            Reply::Exists(true) => envelope::ok(call, [(); 0]),
            _ => Err(model::Error::no_collection(collection.name.as_str()).into()),
        };
    }
    let counts: Vec<u64> = decoded
        .iter()
        .map(|operations| operations.len() as u64)
        .collect();
    let operations: Vec<WriteOp> = decoded.into_iter().flatten().collect();
    let total: u64 = counts.iter().sum();
    let last = request::write(call, collection, operations, visibility).await?;
    // Operations are numbered one after the other and the reply names the last.
    let mut operation = last.map(|last| last.saturating_sub(total));
    let updated: Vec<Updated> = counts
        .into_iter()
        .map(|count| {
            operation = operation.map(|operation| operation + count);
            Updated::new(operation, visibility)
        })
        .collect();
    envelope::ok(call, updated)
}
