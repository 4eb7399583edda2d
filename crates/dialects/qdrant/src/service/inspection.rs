//! What operators look into: routes of Qdrant that its own document does not list.

use gateway::Call;
use model::{Query, Reply};
use serde::Serialize;

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::memory::Remembered;
use crate::request;

#[derive(Serialize)]
struct Stacks {
    threads: [(); 0],
}

#[derive(Serialize)]
struct Memory {
    vectors_size_bytes: u64,
    payloads_size_bytes: u64,
    /// Of the whole process: memory is shared by all collections.
    process_resident_bytes: Option<u64>,
    process_anonymous_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Slow {
    requests: Vec<Request>,
}

#[derive(Serialize)]
struct Request {
    request_name: String,
    status: u16,
    count: u64,
    /// Seconds that the slowest took.
    duration: f64,
    /// When the last one was answered.
    datetime: String,
}

/// Requests that are shown when nobody says how many.
const SLOW_DEFAULT: usize = 10;

/// Quicker requests are not slow.
const SLOW_MICROS_MIN: u64 = 50_000;

/// `GET /stacktrace`: threads are not walked in this build.
pub(crate) async fn stacks(call: &Call<'_>) -> Answer {
    envelope::ok(call, Stacks { threads: [] })
}

/// `GET /logger` and `POST /logger`
pub(crate) async fn logger(_: &Call<'_>) -> Answer {
    Err(Failure::bad_request(
        "the log is set up by the command line and cannot be changed while the server runs",
    ))
}

/// `POST /audit/logs`
pub(crate) async fn audit(_: &Call<'_>) -> Answer {
    Err(Failure::bad_request("Audit logging is not enabled"))
}

/// `GET /profiler/slow_requests`: by route, the slowest first.
pub(crate) async fn slow_requests(call: &Call<'_>) -> Answer {
    let limit = request::parameter(call, "limit")?.unwrap_or(SLOW_DEFAULT);
    let part: String = request::parameter(call, "request")?.unwrap_or_default();
    let mut counts = call.counters.snapshot();
    counts.retain(|count| count.micros_max >= SLOW_MICROS_MIN && count.path.contains(&part));
    counts.sort_by_key(|count| std::cmp::Reverse(count.micros_max));
    let shown = counts.iter().take(limit).map(|count| Request {
        request_name: format!("{} {}", count.method, count.path),
        status: count.status,
        count: count.responses,
        duration: count.micros_max as f64 / 1e6,
        datetime: crate::hints::moment(count.last_ms),
    });
    let requests = shown.collect();
    envelope::ok(call, Slow { requests })
}

/// `GET /collections/{collection_name}/memory`
pub(crate) async fn memory(call: &Call<'_>) -> Answer {
    let collection = request::collection(call)?;
    match request::query(call, Query::MeasureCollection(collection)).await? {
        Reply::Size(size) => {
            let resources = Remembered::resources(call);
            let memory = Memory {
                vectors_size_bytes: size.vector_bytes,
                payloads_size_bytes: size.payload_bytes,
                process_resident_bytes: resources.resident_bytes,
                process_anonymous_bytes: resources.anonymous_bytes,
            };
            envelope::ok(call, memory)
        }
        other => Err(other.unexpected().into()),
    }
}

/// `POST /collections/{collection_name}/truncate_unapplied_wal`: what is acknowledged is applied,
/// so nothing is ever left to be cut off.
pub(crate) async fn truncate(call: &Call<'_>) -> Answer {
    request::schema(call, request::collection(call)?).await?;
    envelope::ok(call, 0)
}
