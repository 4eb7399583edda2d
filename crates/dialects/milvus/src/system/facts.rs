//! State, devices, what `/system/{msg}` tells.

use gateway::Call;
use model::{DatabaseName, Query, Reply, Task, TaskFailure};
use serde::Serialize;
use serde_json::json;

use crate::envelope::{self, Answer};
use crate::error::Failure;

/// The server whose interface this is.
const VERSION: &str = "1.1.1";

const GIB: u64 = 1 << 30;

#[derive(Serialize)]
struct Memory {
    memory: u64,
}

#[derive(Serialize)]
struct NoGpus {}

#[derive(Serialize)]
struct Devices {
    cpu: Memory,
    gpus: NoGpus,
}

#[derive(Serialize)]
struct Told {
    code: u8,
    message: &'static str,
    reply: String,
}

/// Whether the server runs.
pub(crate) async fn state(_call: &Call<'_>) -> Answer {
    envelope::told("Success")
}

/// Memory in GiB.
pub(crate) async fn devices(call: &Call<'_>) -> Answer {
    let memory = call.context.metrics.resources().memory_bytes.unwrap_or(0);
    envelope::ok(&Devices {
        cpu: Memory {
            memory: memory / GIB,
        },
        gpus: NoGpus {},
    })
}

/// What only a build for GPUs has.
pub(crate) async fn gpu(_call: &Call<'_>) -> Answer {
    Err(Failure::no_route())
}

/// A fact about the server.
pub(super) async fn message(call: &Call<'_>, message: &str) -> Answer {
    let reply = match message {
        "status" => "OK".to_owned(),
        "version" => VERSION.to_owned(),
        "mode" => "CPU".to_owned(),
        "build_commit_id" => call.context.build.commit.clone(),
        "info" | "get_system_info" => info(call),
        "tasktable" => tasks(call).await?,
        _ => "Unknown command".to_owned(),
    };
    envelope::ok(&Told {
        code: 0,
        message: "OK",
        reply,
    })
}

fn info(call: &Call<'_>) -> String {
    let resources = call.context.metrics.resources();
    let number = |bytes: Option<u64>| bytes.unwrap_or(0).to_string();
    json!({
        "memory_total": number(resources.memory_bytes),
        "memory_used": number(resources.resident_bytes),
        "skerry_version": call.context.build.version,
    })
    .to_string()
}

/// Background work of all collections, as JSON text.
async fn tasks(call: &Call<'_>) -> Result<String, Failure> {
    let query = Query::ListCollections(DatabaseName::default());
    let all = match call.executor.query(query).await? {
        Reply::Collections(all) => all,
        other => return Err(other.unexpected().into()),
    };
    let mut told = Vec::new();
    for name in all {
        let collection = model::CollectionRef::in_default(name.as_str())?;
        // One that was dropped a moment ago has no work.
        let Ok(Reply::Upkeep(upkeep)) = call.executor.query(Query::WatchUpkeep(collection)).await
        else {
            continue;
        };
        let tasks = upkeep.running.iter().chain(&upkeep.completed);
        told.extend(tasks.map(|task| shown(name.as_str(), task)));
        let queued = upkeep.queued.iter();
        told.extend(queued.map(
            |task| json!({"collection": name.as_str(), "type": task.kind, "state": "QUEUED"}),
        ));
    }
    Ok(serde_json::Value::Array(told).to_string())
}

fn shown(collection: &str, task: &Task) -> serde_json::Value {
    let state = match task.end.as_ref().map(|end| end.failure.as_ref()) {
        None => "EXECUTING",
        Some(None) => "EXECUTED",
        Some(Some(TaskFailure::Cancelled(_))) => "CANCELLED",
        Some(Some(TaskFailure::Error(_))) => "FAILED",
    };
    json!({
        "collection": collection,
        "type": task.kind,
        "state": state,
        "started_ms": task.started_ms,
        "done": task.done,
        "total": task.total,
    })
}
