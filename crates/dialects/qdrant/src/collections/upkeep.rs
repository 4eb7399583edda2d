//! What a collection's background work does: `GET …/optimizations`.

use gateway::Call;
use model::{PlannedTask, Query, Reply, SegmentSize, Task, TaskFailure};
use serde::Serialize;
use uuid::Uuid;

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::hints::moment;
use crate::request;

/// Completed optimizations that are shown when nobody says how many.
const COMPLETED_DEFAULT: usize = 16;

#[derive(Serialize)]
struct Optimizations {
    summary: Summary,
    running: Vec<Optimization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued: Option<Vec<Pending>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<Vec<Optimization>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_segments: Option<Vec<Segment>>,
}

#[derive(Serialize)]
struct Summary {
    queued_optimizations: usize,
    queued_segments: usize,
    queued_points: u64,
    idle_segments: usize,
}

#[derive(Serialize)]
struct Optimization {
    uuid: String,
    optimizer: &'static str,
    status: Status,
    segments: Vec<Segment>,
    progress: Progress,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Optimizing,
    Done,
    Cancelled(String),
    Error(String),
}

#[derive(Serialize)]
struct Progress {
    name: &'static str,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_sec: Option<f64>,
    done: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

#[derive(Serialize)]
struct Pending {
    optimizer: &'static str,
    segments: Vec<Segment>,
}

#[derive(Serialize)]
struct Segment {
    uuid: String,
    points_count: u64,
}

fn segments(sizes: &[SegmentSize]) -> Vec<Segment> {
    let segment = |size: &SegmentSize| Segment {
        uuid: Uuid::from_u128(size.id).to_string(),
        points_count: size.points,
    };
    sizes.iter().map(segment).collect()
}

fn optimization(task: &Task) -> Optimization {
    let status = match &task.end {
        None => Status::Optimizing,
        Some(end) => match &end.failure {
            None => Status::Done,
            Some(TaskFailure::Cancelled(reason)) => Status::Cancelled(reason.clone()),
            Some(TaskFailure::Error(reason)) => Status::Error(reason.clone()),
        },
    };
    let end = task.end.as_ref();
    Optimization {
        uuid: Uuid::from_u128(task.id).to_string(),
        optimizer: task.kind,
        status,
        segments: segments(&task.segments),
        progress: Progress {
            name: task.kind,
            started_at: moment(task.started_ms),
            finished_at: end.map(|end| moment(end.at_ms)),
            duration_sec: end.map(|end| end.took_us as f64 / 1e6),
            done: task.done,
            total: (task.total > 0).then_some(task.total),
        },
    }
}

/// `GET /collections/{collection_name}/optimizations`
pub(crate) async fn optimizations(call: &Call<'_>) -> Answer {
    let with: String = request::parameter(call, "with")?.unwrap_or_default();
    let known = ["queued", "completed", "idle_segments"];
    let wanted: Vec<&str> = with.split(',').map(str::trim).collect();
    if let Some(other) = wanted
        .iter()
        .find(|word| !word.is_empty() && !known.contains(word))
    {
        let text = format!(
            "Unknown value `{other}` of the parameter `with`, expected one of `queued`, \
             `completed`, `idle_segments`"
        );
        return Err(Failure::bad_request(text));
    }
    let limit = request::parameter(call, "completed_limit")?.unwrap_or(COMPLETED_DEFAULT);
    let collection = request::collection(call)?;
    let upkeep = match request::query(call, Query::WatchUpkeep(collection)).await? {
        Reply::Upkeep(upkeep) => upkeep,
        other => return Err(other.unexpected().into()),
    };
    let pending = |task: &PlannedTask| Pending {
        optimizer: task.kind,
        segments: segments(&task.segments),
    };
    let queued = upkeep.queued.iter().flat_map(|task| &task.segments);
    let summary = Summary {
        queued_optimizations: upkeep.queued.len(),
        queued_segments: queued.clone().count(),
        queued_points: queued.map(|segment| segment.points).sum(),
        idle_segments: upkeep.idle.len(),
    };
    let asked = |word: &str| wanted.contains(&word);
    let completed = upkeep.completed.iter().take(limit).map(optimization);
    let shown = Optimizations {
        summary,
        running: upkeep.running.iter().map(optimization).collect(),
        queued: asked("queued").then(|| upkeep.queued.iter().map(pending).collect()),
        completed: asked("completed").then(|| completed.collect()),
        idle_segments: asked("idle_segments").then(|| segments(&upkeep.idle)),
    };
    envelope::ok(call, shown)
}
