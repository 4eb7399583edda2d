//! Points that are deleted softly, brought back, and removed for good.

use gateway::Call;
use model::{CollectionRef, PointId, Query, Reply, WriteOp};
use serde_json::Value as Json;

use crate::error::Failure;
use crate::reply::{Answer, success};
use crate::request::{At, about_collection, ask, batch_limited, body, write};
use crate::seen::Seen;
use crate::value::{WireId, id_json};

about_collection! {
    /// Ids to be concealed or revealed.
    struct Ids {
        ids: Vec<WireId>,
    }
}

/// Ids of the concealed points, ascending.
///
/// # Errors
/// When there is no such collection.
pub(crate) async fn concealed(
    call: &Call<'_>,
    collection: &CollectionRef,
) -> Result<Vec<PointId>, Failure> {
    match ask(call, Query::ListConcealed(collection.clone())).await? {
        Reply::Ids(ids) => Ok(ids),
        other => Err(other.unexpected().into()),
    }
}

async fn change(call: &Call<'_>, by: impl FnOnce(Vec<PointId>) -> WriteOp) -> Answer {
    let asked: Ids = body(call)?;
    let at = asked.at();
    batch_limited(asked.ids.len())?;
    let seen = Seen::open(call, &at).await?;
    let ids = asked.ids.into_iter().map(|id| id.0).collect();
    write(call, &seen.collection, vec![by(ids)]).await?;
    Ok(success(at.echo_with("status", "ok")))
}

pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    change(call, |ids| WriteOp::Conceal { ids }).await
}

pub(crate) async fn restore(call: &Call<'_>) -> Answer {
    change(call, |ids| WriteOp::Reveal { ids }).await
}

pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    let ids = concealed(call, &at.collection()?).await?;
    let ids: Vec<Json> = ids.iter().map(id_json).collect();
    Ok(success(at.echo_with("ids", ids)))
}

pub(crate) async fn compact(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    let collection = at.collection()?;
    let removed = concealed(call, &collection).await?.len();
    if removed > 0 {
        write(call, &collection, vec![WriteOp::Purge]).await?;
    }
    Ok(success(at.echo_with("vectors_removed", removed)))
}
