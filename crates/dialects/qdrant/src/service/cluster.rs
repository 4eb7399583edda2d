//! The answers of a single process to questions about a cluster.

use std::collections::BTreeMap;

use gateway::Call;
use http::StatusCode;
use model::{Query, Reply};
use serde::Serialize;

use super::telemetry::described;
use crate::collections;
use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::{read, request};

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

#[derive(Serialize)]
struct Telemetry {
    collections: BTreeMap<String, OfCollection>,
    cluster: OfCluster,
}

#[derive(Serialize)]
struct OfCluster {
    enabled: bool,
    number_of_peers: u64,
    peers: BTreeMap<String, ()>,
}

#[derive(Serialize)]
struct OfCollection {
    id: String,
    shards: [Shard; 1],
    reshardings: [(); 0],
    shard_transfers: [(); 0],
}

#[derive(Serialize)]
struct Shard {
    id: u32,
    replicas: [Replica; 1],
}

#[derive(Serialize)]
struct Replica {
    peer_id: u64,
    state: &'static str,
    status: &'static str,
    vectors_size_bytes: u64,
    payloads_size_bytes: u64,
    num_points: u64,
    num_vectors: u64,
    num_vectors_by_name: BTreeMap<String, u64>,
}

/// `GET /cluster`
pub(crate) async fn cluster(call: &Call<'_>) -> Answer {
    envelope::ok(call, Disabled { status: "disabled" })
}

/// `GET /collections/{collection_name}/cluster`
pub(crate) async fn of_collection(call: &Call<'_>) -> Answer {
    let collection = request::collection(call)?;
    match request::query(call, Query::MeasureCollection(collection)).await? {
        Reply::Size(size) => {
            let shard = LocalShard {
                shard_id: 0,
                points_count: size.points,
                state: "Active",
            };
            let layout = Layout {
                peer_id: 0,
                shard_count: 1,
                local_shards: [shard],
                remote_shards: [],
                shard_transfers: [],
            };
            envelope::ok(call, layout)
        }
        other => Err(other.unexpected().into()),
    }
}

/// `GET /collections/{collection_name}/shards`
pub(crate) async fn shard_keys(call: &Call<'_>) -> Answer {
    request::schema(call, request::collection(call)?).await?;
    envelope::ok(call, ShardKeys { shard_keys: [] })
}

/// `GET /cluster/telemetry`: the collections of this process, which has no peers.
pub(crate) async fn telemetry(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let _: Option<u64> = request::parameter(call, "details_level")?;
    let collections = described(call).await?.into_iter().map(|info| {
        let fields = info.schema.vectors.iter().zip(&info.vectors);
        let replica = Replica {
            peer_id: 0,
            state: "Active",
            status: collections::status(&info.status).0,
            vectors_size_bytes: info.size.vector_bytes,
            payloads_size_bytes: info.size.payload_bytes,
            num_points: info.points,
            num_vectors: info.vectors.iter().sum(),
            num_vectors_by_name: fields
                .map(|(field, count)| (field.name.as_str().to_owned(), *count))
                .collect(),
        };
        let id = info.name.as_str().to_owned();
        let of_collection = OfCollection {
            id: id.clone(),
            shards: [Shard {
                id: 0,
                replicas: [replica],
            }],
            reshardings: [],
            shard_transfers: [],
        };
        (id, of_collection)
    });
    let cluster = OfCluster {
        enabled: false,
        number_of_peers: 1,
        peers: BTreeMap::new(),
    };
    envelope::ok(
        call,
        Telemetry {
            collections: collections.collect(),
            cluster,
        },
    )
}

/// What only a cluster can do.
pub(crate) async fn standalone(_: &Call<'_>) -> Answer {
    let text = "Qdrant is running in standalone mode";
    Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, text))
}

/// What only a cluster can do, about a collection that must exist.
pub(crate) async fn standalone_of_collection(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let _: serde_json::Map<String, serde_json::Value> = request::body(call)?;
    request::schema(call, request::collection(call)?).await?;
    standalone(call).await
}

/// The one shard of a collection is called 0.
fn check_shard(call: &Call<'_>) -> Result<(), Failure> {
    let text = call.param("shard_id");
    match text.parse::<u32>() {
        Ok(0) => Ok(()),
        Ok(shard) => {
            let text = format!("Not found: Shard {shard} not found");
            Err(Failure::new(StatusCode::NOT_FOUND, text))
        }
        Err(_) => {
            let text = format!("can not parse {text:?} to a u32");
            Err(Failure::new(StatusCode::BAD_REQUEST, text))
        }
    }
}

/// `POST /collections/{collection_name}/shards/{shard_id}/points`
pub(crate) async fn shard_points(call: &Call<'_>) -> Answer {
    check_shard(call)?;
    read::retrieve(call).await
}

/// `POST /collections/{collection_name}/shards/{shard_id}/points/scroll`
pub(crate) async fn shard_scroll(call: &Call<'_>) -> Answer {
    check_shard(call)?;
    read::scroll(call).await
}

/// `POST /collections/{collection_name}/shards/{shard_id}/points/count`
pub(crate) async fn shard_count(call: &Call<'_>) -> Answer {
    check_shard(call)?;
    read::count(call).await
}
