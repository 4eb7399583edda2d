//! Vectors deleted by id.

use gateway::Call;
use model::{CollectionRef, Filter, PointId, Target, WriteOp};
use serde::Deserialize;

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::ids::WireIds;
use crate::scope::Scope;
use crate::view::{self, View};

#[derive(Deserialize)]
pub(super) struct Body {
    ids: Option<WireIds>,
    partition_tag: Option<String>,
}

/// Deletes the vectors of these ids, of one partition if it says so; unknown ids are ignored.
pub(super) async fn delete(call: &Call<'_>, collection: CollectionRef, body: Body) -> Answer {
    let ids = body.ids.ok_or_else(|| Failure::missing("ids"))?.read()?;
    let ids: Vec<PointId> = ids.into_iter().map(|id| id.point()).collect();
    let view = View::open(call, collection.clone()).await?;
    let target = match body.partition_tag.filter(|tag| !tag.is_empty()) {
        None => Target::Ids(ids),
        Some(tag) => {
            let inside = Scope::one(&view.kept, &tag)?.filter();
            let conditions = inside.into_iter().chain([Filter::HasId(ids)]);
            Target::Filter(Filter::All(conditions.collect()))
        }
    };
    view::write(call, &collection, vec![WriteOp::Delete { target }]).await?;
    envelope::done()
}
