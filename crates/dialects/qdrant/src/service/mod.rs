//! The server itself: version, health, metrics, telemetry, and the answers of a single process to
//! questions about a cluster.

mod cluster;
mod health;
mod inspection;
mod metrics;
mod telemetry;

pub(crate) use cluster::{
    cluster, of_collection, shard_count, shard_keys, shard_points, shard_scroll, standalone,
    standalone_of_collection, telemetry as cluster_telemetry,
};
pub(crate) use health::{live, ready, version};
pub(crate) use inspection::{audit, logger, memory, slow_requests, stacks, truncate};
pub(crate) use metrics::metrics;
pub(crate) use telemetry::telemetry;

/// The version of Qdrant whose interface this is. Clients warn when it is far from their own.
pub(crate) const VERSION: &str = "1.19.0";
