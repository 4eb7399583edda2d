//! The index of a collection.

use gateway::Call;
use model::schema::VectorChange;
use serde::Serialize;
use serde_json::Value;

use crate::body::{self, Fields};
use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::index_kind::{Index, IndexKind};
use crate::kept::Kept;
use crate::names;
use crate::view::{self, Amendment, View};

#[derive(Serialize)]
struct Shown {
    index_type: &'static str,
    params: Fields,
}

/// Tells the index of a collection.
pub(crate) async fn get(call: &Call<'_>) -> Answer {
    let view = View::open(call, names::in_path(call)?).await?;
    let index = view.index();
    envelope::ok(&Shown {
        index_type: index.kind.name(),
        params: index.shown(),
    })
}

/// Chooses the index of a collection.
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let collection = names::in_path(call)?;
    let fields = body::fields(call)?;
    let name = body::text(&fields, "index_type")?.ok_or_else(|| Failure::missing("index_type"))?;
    let params = match fields.get("params") {
        Some(Value::Object(params)) => params,
        Some(_) => return Err(Failure::not_a("params", "an object")),
        None => return Err(Failure::missing("params")),
    };
    // The collection is looked for before its index is judged.
    View::open(call, collection.clone()).await?;
    let kind = IndexKind::parse(name)?;
    view::amend(call, &collection, |view| {
        let index = Index::check(kind, params, view.dim.get(), view.metric)?;
        Ok(with(view, index))
    })
    .await?;
    envelope::created()
}

/// Goes back to exact scans.
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let collection = names::in_path(call)?;
    view::amend(call, &collection, |view| Ok(with(view, Index::flat()))).await?;
    envelope::nothing()
}

fn with(view: &View, index: Index) -> Amendment {
    let field = VectorChange {
        name: view.field.clone(),
        index: Some(Some(index.choice(view.metric))),
        index_metric: None,
        quantization: Some(index.codes(view.dim.get())),
        residency: None,
        modifier: None,
    };
    let kept = Kept {
        index: Some(index),
        ..view.kept.clone()
    };
    Amendment {
        field: Some(field),
        ..Amendment::of(kept)
    }
}
