//! The searches of the index benchmark, asked of a database one call at a time: what stands around
//! a walk when nothing but a call stands around the database.
// A benchmark waits by a timer of its own.
#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use app::gateway::{Body, Listener, Mount};
use app::model::{Executor, PointId, Reply, SearchParams};
use app::{App, Config, Database};
use model::Metric;
use serde_json::{Value, json};
use server::host::NativeHost;

use crate::dataset::Dataset;
use crate::http_in_process;
use crate::sweep::{Point, Sweep, cpu_seconds, sweep};

/// Points of one request.
const BATCH: usize = 1000;

/// Between two looks at the building of the graph.
const PAUSE: Duration = Duration::from_millis(20);

/// How the graph is built.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// Links per row on upper levels.
    pub(crate) m: usize,
    /// Candidates kept while building.
    pub(crate) ef_construct: usize,
}

/// Seconds of processor time from the first write to the end of upkeep, and the speeds.
pub(crate) fn measure(
    dataset: &Dataset,
    settings: Settings,
    what: &Sweep<'_>,
) -> Result<(f64, Vec<Point>), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let started = cpu_seconds();
    let app = runtime.block_on(fill(dataset, settings))?;
    let build_s = cpu_seconds() - started;
    let database = app.database();
    let queries: Vec<&[f32]> = dataset.each_query().collect();
    // An answer of another kind would only be seen as a low recall.
    let mut failed = None;
    let points = sweep(&queries, what, |vector, ef, found| {
        match search(&database, vector, what.k, ef) {
            Ok(rows) => found.extend(rows),
            Err(error) => failed = Some(error),
        }
    });
    runtime.block_on(app.close())?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok((build_s, points)),
    }
}

/// A database with all rows in one segment and its graph.
async fn fill(dataset: &Dataset, settings: Settings) -> Result<App, Box<dyn Error>> {
    let store = Arc::new(storage_object::memory_store());
    let app = App::open(store, Arc::new(NativeHost::new()), Config::default()).await?;
    let root = Mount::Only("qdrant");
    let listener = app.gateway().listener(root).ok_or("no such interface")?;
    // Data sets have one of two.
    let distance = if dataset.metric == Metric::Cosine {
        "Cosine"
    } else {
        "Euclid"
    };
    let collection = json!({
        "vectors": { "size": dataset.dim, "distance": distance },
        "hnsw_config": {
            "m": settings.m, "ef_construct": settings.ef_construct, "full_scan_threshold": 10,
        },
        "optimizers_config": { "indexing_threshold": 1 },
    });
    ask(&listener, "PUT", "/collections/bench", &collection).await?;
    let rows: Vec<Value> = dataset
        .base
        .chunks_exact(dataset.dim)
        .enumerate()
        .map(|(row, vector)| json!({ "id": row, "vector": vector }))
        .collect();
    for points in rows.chunks(BATCH) {
        let path = "/collections/bench/points?wait=true";
        ask(&listener, "PUT", path, &json!({ "points": points })).await?;
    }
    loop {
        let info = ask(&listener, "GET", "/collections/bench", &Value::Null).await?;
        if info["result"]["status"] == "green" {
            return Ok(app);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ask(
    listener: &Listener,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<Value, Box<dyn Error>> {
    let request = http::Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let body = match body {
        Value::Null => Vec::new(),
        body => serde_json::to_vec(body)?,
    };
    let request = request.body(Body::Whole(body.into()))?;
    let (parts, body) = listener.exchange(request).await.into_parts();
    let body = body.collect(usize::MAX).await?.unwrap_or_default();
    match parts.status.is_success() {
        true => Ok(serde_json::from_slice(&body)?),
        false => Err(String::from_utf8_lossy(&body).into()),
    }
}

fn search(
    database: &Database,
    vector: &[f32],
    k: usize,
    ef: usize,
) -> Result<Vec<u32>, model::Error> {
    let params = SearchParams {
        ef: Some(ef as u32),
        ..SearchParams::default()
    };
    let mut reply = database.query(http_in_process::query(vector, k, params)?);
    // A search in memory is done when first polled.
    let Poll::Ready(reply) = reply.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        return Err(model::Error::internal("the search waits for something"));
    };
    match reply? {
        Reply::Scored(points) => points
            .into_iter()
            .map(|point| match point.record.id {
                PointId::Num(row) => Ok(row as u32),
                PointId::Uuid(_) | PointId::Text(_) => Err(model::Error::internal("another id")),
            })
            .collect(),
        other => Err(other.unexpected()),
    }
}
