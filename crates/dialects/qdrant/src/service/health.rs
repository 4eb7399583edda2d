//! Version and health.

use gateway::Call;
use http::StatusCode;
use serde::Serialize;

use super::VERSION;
use crate::envelope::{self, Answer};

#[derive(Serialize)]
struct Version<'a> {
    title: &'static str,
    version: &'static str,
    commit: &'a str,
}

/// `GET /`
pub(crate) async fn version(call: &Call<'_>) -> Answer {
    envelope::bare(&Version {
        title: "qdrant - vector search engine",
        version: VERSION,
        commit: &call.context.build.commit,
    })
}

/// `GET /healthz` and `GET /livez`
pub(crate) async fn live(_: &Call<'_>) -> Answer {
    envelope::text("healthz check passed")
}

/// `GET /readyz`
pub(crate) async fn ready(call: &Call<'_>) -> Answer {
    if call.context.metrics.is_ready() {
        return envelope::text("all shards are ready");
    }
    let mut response = envelope::text("some shards are not ready")?;
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    Ok(response)
}
