//! Reading points without ranking them: by id, page by page, counting.

use gateway::Call;
use model::query::{PayloadSelect, VectorSelect};
use model::{PointId, Query, Record, Reply, Select};
use serde::{Deserialize, Serialize};

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::filter::WireFilter;
use crate::ids::{self, ShownId, WireId};
use crate::order::{self, WireOrderBy};
use crate::record::ShownRecord;
use crate::request::{self, BODY, ShardKey};
use crate::select::{WithPayload, WithVector};

/// Points of a page when the request does not say.
pub(crate) const LIMIT_DEFAULT: usize = 10;

#[derive(Deserialize)]
struct WireRetrieve {
    ids: Vec<WireId>,
    with_payload: Option<WithPayload>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<WithVector>,
    shard_key: ShardKey,
}

#[derive(Deserialize)]
struct WireScroll {
    offset: Option<WireId>,
    limit: Option<usize>,
    filter: Option<WireFilter>,
    with_payload: Option<WithPayload>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<WithVector>,
    order_by: Option<WireOrderBy>,
    shard_key: ShardKey,
}

#[derive(Deserialize)]
struct WireCount {
    filter: Option<WireFilter>,
    exact: Option<bool>,
    shard_key: ShardKey,
}

#[derive(Serialize)]
struct Page<'a> {
    points: Vec<ShownRecord<'a>>,
    next_page_offset: Option<ShownId<'a>>,
}

#[derive(Serialize)]
struct Counted {
    count: u64,
}

fn shown(record: &Record) -> ShownRecord<'_> {
    ShownRecord {
        record,
        order_value: None,
    }
}

/// The records that `ids` name.
async fn records(
    call: &Call<'_>,
    ids: Vec<PointId>,
    select: Select,
) -> Result<Vec<Record>, Failure> {
    let collection = request::collection(call)?;
    match request::query(
        call,
        Query::Retrieve {
            collection,
            ids,
            select,
        },
    )
    .await?
    {
        Reply::Records(records) => Ok(records),
        other => Err(other.unexpected().into()),
    }
}

/// `POST /collections/{collection_name}/points`
pub(crate) async fn retrieve(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let wire: WireRetrieve = request::body(call)?;
    request::no_shard_key(&wire.shard_key)?;
    let select = Select {
        payload: WithPayload::decode(wire.with_payload, true)?,
        vectors: WithVector::decode(wire.with_vector)?,
    };
    let records = records(call, ids::decode(wire.ids), select).await?;
    envelope::ok(call, records.iter().map(shown).collect::<Vec<_>>())
}

/// `GET /collections/{collection_name}/points/{id}`
pub(crate) async fn get(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let id = ids::decode_path(call.param("id"))?;
    let select = Select {
        payload: PayloadSelect::All,
        vectors: VectorSelect::All,
    };
    let records = records(call, vec![id.clone()], select).await?;
    match records.first() {
        Some(record) => envelope::ok(call, shown(record)),
        None => Err(Failure::new(
            http::StatusCode::NOT_FOUND,
            format!("Not found: Point with id {id} does not exists!"),
        )),
    }
}

/// `POST /collections/{collection_name}/points/scroll`
pub(crate) async fn scroll(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let wire: WireScroll = request::body(call)?;
    request::no_shard_key(&wire.shard_key)?;
    let limit = wire.limit.unwrap_or(LIMIT_DEFAULT);
    request::not_zero(limit, BODY, "scroll_request.limit")?;
    let order_by = wire.order_by.map(WireOrderBy::decode).transpose()?;
    if order_by.is_some() && wire.offset.is_some() {
        return Err(Failure::wrong_input(
            "Cannot use an `offset` when using `order_by`. The alternative for paging is to use \
             `order_by.start_from` and a filter to exclude the IDs that you've already seen for \
             the `order_by.start_from` value",
        ));
    }
    let collection = request::collection(call)?;
    let filter = WireFilter::decode_optional(wire.filter)?;
    let schema = request::schema(call, collection.clone()).await?;
    if let Some(order_by) = &order_by {
        order::check_index(&schema, order_by)?;
    }
    request::hold(call, &schema, |limits| {
        limits.check_limit(limit)?;
        limits.check_read_filter(filter.as_ref())
    })?;
    let ordered = order_by.is_some();
    let query = Query::Scroll {
        collection,
        filter,
        from: wire.offset.map(|id| id.0),
        limit,
        order_by,
        select: Select {
            payload: WithPayload::decode(wire.with_payload, true)?,
            vectors: WithVector::decode(wire.with_vector)?,
        },
    };
    let reply = request::query(call, query).await;
    match reply? {
        Reply::Page { records, next } => {
            let points = records.iter().map(|(record, order_value)| ShownRecord {
                record,
                order_value: *order_value,
            });
            let next = next.as_ref().filter(|_| !ordered).map(ShownId);
            envelope::ok(
                call,
                Page {
                    points: points.collect(),
                    next_page_offset: next,
                },
            )
        }
        other => Err(other.unexpected().into()),
    }
}

/// `POST /collections/{collection_name}/points/count`
pub(crate) async fn count(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let wire: WireCount = request::body(call)?;
    request::no_shard_key(&wire.shard_key)?;
    let collection = request::collection(call)?;
    let filter = WireFilter::decode_optional(wire.filter)?;
    let schema = request::schema(call, collection.clone()).await?;
    request::hold(call, &schema, |limits| {
        limits.check_read_filter(filter.as_ref())
    })?;
    let query = Query::Count {
        collection,
        filter,
        exact: wire.exact.unwrap_or(true),
    };
    match request::query(call, query).await? {
        Reply::Count(count) => envelope::ok(call, Counted { count }),
        other => Err(other.unexpected().into()),
    }
}
