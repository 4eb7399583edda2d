//! A search that says how it went.

use gateway::Call;
use model::{Filter, Query, Reply};
use serde_json::{Value as Json, json};

use crate::condition;
use crate::error::Failure;
use crate::mode::Family;
use crate::reply::{Answer, success};
use crate::request::{ask, body, limited};
use crate::search::{Asked, How, items, nearest};
use crate::seen::{PRIMARY, Seen};

async fn count(call: &Call<'_>, seen: &Seen, filter: Option<&Filter>) -> Result<u64, Failure> {
    let query = Query::Count {
        collection: seen.collection.clone(),
        filter: filter.cloned(),
        exact: true,
    };
    match ask(call, query).await? {
        Reply::Count(count) => Ok(count),
        other => Err(other.unexpected().into()),
    }
}

/// A search of the primary field that says how it went.
pub(crate) async fn search(call: &Call<'_>) -> Answer {
    let asked: Asked = body(call)?;
    let at = asked.at();
    let k = limited("k", asked.k)?;
    let clock = &call.context.clock;
    let began = clock.now_micros();
    let seen = Seen::open(call, &at).await?;
    let field = seen.must_primary()?;
    let filter = condition::filter(call, &seen.collection, asked.r#where.as_deref()).await?;
    let total = crate::collection::count_all(call, &seen.collection).await?;
    let matches = match &filter {
        Some(filter) => Some(count(call, &seen, Some(filter)).await?),
        None => None,
    };
    let filtered = clock.now_micros();
    let how = How {
        k,
        filter: filter.as_ref(),
        fields: asked.return_fields,
        nprobe: asked.nprobe,
        exact: false,
    };
    let hits = nearest(call, &seen, &field, asked.vector, how).await?;
    let ended = clock.now_micros();
    let path = field.mode.map_or_else(
        || match filter {
            Some(_) => "flat_mmap_filtered",
            None => "flat_mmap",
        },
        |mode| mode.path(filter.is_some()),
    );
    let graph = field.mode.is_some_and(|mode| mode.family != Family::Flat);
    let profile = json!({
        "query_kind": "vector",
        "vector_field": PRIMARY,
        "index_path": path,
        "total_vectors": total,
        "filter_expression": asked.r#where,
        "filter_matches": matches,
        "scanned_vectors": if graph { hits.len() as u64 } else { matches.unwrap_or(total) },
        "result_count": hits.len(),
        "filter_us": if filter.is_some() { filtered.saturating_sub(began) } else { 0 },
        "search_us": ended.saturating_sub(filtered),
        "rerank_us": 0,
        "total_us": ended.saturating_sub(began),
    });
    let index = field.mode_name.as_deref().unwrap_or("FLAT");
    let items = items(
        k,
        hits,
        asked.return_fields,
        &[("index", Json::from(index))],
    );
    let mut params = at.echo_with("items", items);
    params.insert("profile".into(), profile);
    Ok(success(params))
}
