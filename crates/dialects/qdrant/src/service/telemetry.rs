//! Telemetry: counts of requests and collections.

use std::collections::BTreeMap;

use gateway::Call;
use model::{DatabaseName, Query, Reply};
use serde::Serialize;

use super::VERSION;
use crate::envelope::{self, Answer};
use crate::request;

#[derive(Serialize)]
struct Telemetry {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<App>,
    collections: Collections,
    cluster: Cluster,
    requests: Requests,
}

#[derive(Serialize)]
struct App {
    name: &'static str,
    version: &'static str,
    startup: String,
}

#[derive(Serialize)]
struct Collections {
    number_of_collections: usize,
}

#[derive(Serialize)]
struct Cluster {
    enabled: bool,
}

#[derive(Serialize)]
struct Requests {
    rest: Responses,
    grpc: Responses,
}

#[derive(Serialize, Default)]
struct Responses {
    /// By method and pattern, then by status.
    responses: BTreeMap<String, BTreeMap<String, Durations>>,
}

#[derive(Serialize)]
struct Durations {
    count: u64,
    avg_duration_micros: f64,
    max_duration_micros: f64,
    total_duration_micros: u64,
}

/// `GET /telemetry`
pub(crate) async fn telemetry(call: &Call<'_>) -> Answer {
    let query = Query::ListCollections(DatabaseName::default());
    let number_of_collections = match request::query(call, query).await? {
        Reply::Collections(names) => names.len(),
        other => return Err(other.unexpected().into()),
    };
    let mut rest = Responses::default();
    for count in call.counters.snapshot() {
        let durations = Durations {
            count: count.responses,
            avg_duration_micros: count.micros as f64 / count.responses as f64,
            max_duration_micros: count.micros_max as f64,
            total_duration_micros: count.micros,
        };
        let route = format!("{} {}", count.method, count.path);
        let by_status = rest.responses.entry(route).or_default();
        by_status.insert(count.status.to_string(), durations);
    }
    let startup = call.context.metrics.started_at();
    envelope::ok(
        call,
        Telemetry {
            id: uuid::Uuid::nil().to_string(),
            app: startup.map(|startup| App {
                name: "qdrant",
                version: VERSION,
                startup,
            }),
            collections: Collections {
                number_of_collections,
            },
            cluster: Cluster { enabled: false },
            requests: Requests {
                rest,
                grpc: Responses::default(),
            },
        },
    )
}
