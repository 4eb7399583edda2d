//! The answers of a single process to questions about a cluster.

use gateway::Call;
use http::StatusCode;
use model::{Query, Reply};
use serde::Serialize;

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::request;

#[derive(Serialize)]
struct Disabled {
    status: &'static str,
}

#[derive(Serialize)]
struct Layout {
    peer_id: u64,
    shard_count: u64,
    local_shards: [LocalShard; 1],
    remote_shards: [(); 0],
    shard_transfers: [(); 0],
}

#[derive(Serialize)]
struct LocalShard {
    shard_id: u32,
    points_count: u64,
    state: &'static str,
}

#[derive(Serialize)]
struct ShardKeys {
    shard_keys: [(); 0],
}

/// `GET /cluster`
pub(crate) async fn cluster(call: &Call<'_>) -> Answer {
    envelope::ok(call, Disabled { status: "disabled" })
}

/// `GET /collections/{collection_name}/cluster`
pub(crate) async fn of_collection(call: &Call<'_>) -> Answer {
    let collection = request::collection(call)?;
    match request::query(call, Query::DescribeCollection(collection)).await? {
        Reply::Collection(info) => {
            let shard = LocalShard {
                shard_id: 0,
                points_count: info.points,
                state: "Active",
            };
            envelope::ok(
                call,
                Layout {
                    peer_id: 0,
                    shard_count: 1,
                    local_shards: [shard],
                    remote_shards: [],
                    shard_transfers: [],
                },
            )
        }
        other => Err(other.unexpected().into()),
    }
}

/// `GET /collections/{collection_name}/shards`
pub(crate) async fn shard_keys(call: &Call<'_>) -> Answer {
    request::schema(call, request::collection(call)?).await?;
    envelope::ok(call, ShardKeys { shard_keys: [] })
}

/// What only a cluster can do.
pub(crate) async fn standalone(_: &Call<'_>) -> Answer {
    let text = "Qdrant is running in standalone mode";
    Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, text))
}
