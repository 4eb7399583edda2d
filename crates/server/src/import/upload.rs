//! Batches of rows on their way: made by one thread, a few requests in flight, progress shown.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, StatusCode};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::door::Door;
use super::source::{Extent, ImportError, Position, Row, Rows, Source};
use super::{ImportMetric, ImportOptions};
use crate::client::segment;

/// Requests under way at a time: one is written to the disk while the next is decoded.
const IN_FLIGHT: usize = 3;

/// A batch ends when its request reaches this size, well below what servers take.
const REQUEST_BYTES_MAX: usize = 8 << 20;

/// Sends the rows of `source` through `door` and prints how it went.
pub(super) async fn upload(
    source: Source,
    door: &Arc<Door>,
    options: &ImportOptions,
) -> Result<(), ImportError> {
    let started = Instant::now();
    let Source { mut rows, extent } = source;
    let Some(first) = rows.next().transpose()? else {
        return Err(ImportError::Refused("there are no rows to import".into()));
    };
    let path = format!("/collections/{}", segment(&options.collection));
    let dim = prepare(door, &path, first.vector.len(), options.metric).await?;
    let rows: Rows = Box::new(std::iter::once(Ok(first)).chain(rows));
    let batches = Batches {
        rows,
        file: options.clone(),
        dim,
        next: options.skip,
        spare: None,
    };
    let bar = bar(&extent);
    let sent = send(batches, door, &path, &bar, &extent).await;
    bar.finish_and_clear();
    let rows = sent?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{rows} rows are in `{}` after {seconds:.1} s ({:.0} rows/s)",
        options.collection,
        rows as f64 / seconds
    );
    Ok(())
}

/// Makes sure that the collection exists, and gives the dimension of its vectors.
async fn prepare(
    door: &Door,
    path: &str,
    dim: usize,
    metric: ImportMetric,
) -> Result<usize, ImportError> {
    let (status, body) = door.send(Method::GET, path, Bytes::new()).await?;
    match status {
        StatusCode::OK => {
            let info: Value = serde_json::from_slice(&body).unwrap_or_default();
            let size = &info["result"]["config"]["params"]["vectors"]["size"];
            size.as_u64()
                .and_then(|size| usize::try_from(size).ok())
                .ok_or_else(|| {
                    ImportError::Refused(
                        "the collection has named vectors; only unnamed ones can be imported"
                            .into(),
                    )
                })
        }
        StatusCode::NOT_FOUND => {
            let schema = json!({"vectors": {"size": dim, "distance": metric.wire()}});
            let (status, body) = door
                .send(Method::PUT, path, Bytes::from(schema.to_string()))
                .await?;
            // Someone else may have created it in between; the rows will tell.
            match status {
                StatusCode::OK | StatusCode::CONFLICT => Ok(dim),
                _ => Err(refusal(status, &body)),
            }
        }
        _ => Err(refusal(status, &body)),
    }
}

/// What the other side says, in one line.
fn refusal(status: StatusCode, body: &[u8]) -> ImportError {
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = parsed["status"]["error"].as_str().map(str::to_owned);
    let text = text.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    ImportError::Refused(format!("{} {text}", status.as_u16()))
}

/// A request and the rows in it, counted as they stand in the file.
struct Batch {
    body: Bytes,
    rows: Range<u64>,
    start: Position,
}

/// A point as the Qdrant interface takes it.
#[derive(Serialize)]
struct WirePoint<'a> {
    id: &'a Value,
    vector: &'a [f32],
    #[serde(skip_serializing_if = "Map::is_empty")]
    payload: &'a Map<String, Value>,
}

/// Rows packed into requests.
struct Batches {
    rows: Rows,
    file: ImportOptions,
    dim: usize,
    /// Number of the next row in the file.
    next: u64,
    /// An error that ended a batch early: the rows before it are sent first.
    spare: Option<ImportError>,
}

impl Batches {
    fn check(&self, row: &Row) -> Result<(), ImportError> {
        let wrong = |what| Err(ImportError::row(&self.file.file, row.at, what));
        if row.vector.len() != self.dim {
            let (got, dim) = (row.vector.len(), self.dim);
            return wrong(format!("the vector has {got} components instead of {dim}"));
        }
        match row.vector.iter().position(|x| !x.is_finite()) {
            Some(at) => wrong(format!("component {at} of the vector is not finite")),
            None => Ok(()),
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.spare.take() {
            return Some(Err(error));
        }
        let mut body = Vec::from(*b"{\"points\":[");
        let (first, mut start) = (self.next, None);
        while self.next - first < u64::from(self.file.batch) && body.len() < REQUEST_BYTES_MAX {
            let row = match self.rows.next() {
                None => break,
                Some(Ok(row)) => self.check(&row).map(|()| row),
                Some(Err(error)) => Err(error),
            };
            let row = match row {
                Ok(row) => row,
                Err(error) if start.is_none() => return Some(Err(error)),
                Err(error) => {
                    self.spare = Some(error);
                    break;
                }
            };
            if start.is_some() {
                body.push(b',');
            }
            start.get_or_insert(row.at);
            let point = WirePoint {
                id: &row.id,
                vector: &row.vector,
                payload: &row.payload,
            };
            serde_json::to_writer(&mut body, &point).expect("numbers and JSON can be written");
            self.next += 1;
        }
        body.extend_from_slice(b"]}");
        let start = start?;
        Some(Ok(Batch {
            body: body.into(),
            rows: first..self.next,
            start,
        }))
    }
}

/// Sends every batch and gives the number of rows. On an error, the earliest that is known, the
/// message says where to go on.
async fn send(
    mut batches: Batches,
    door: &Arc<Door>,
    path: &str,
    bar: &ProgressBar,
    extent: &Extent,
) -> Result<u64, ImportError> {
    let (batch_in, mut batch_out) = mpsc::channel(IN_FLIGHT);
    // Parsing is work for a thread of its own; it ends when the receiver is gone.
    let parser = tokio::task::spawn_blocking(move || {
        let skipped = batches.next;
        for batch in batches.by_ref() {
            let last = batch.is_err();
            if batch_in.blocking_send(batch).is_err() || last {
                break;
            }
        }
        (skipped, batches.next)
    });
    let mut requests = JoinSet::new();
    let mut failed: Option<(u64, ImportError)> = None;
    let mut parsing = true;
    loop {
        let room = requests.len() < IN_FLIGHT;
        tokio::select! {
            batch = batch_out.recv(), if parsing && room => match batch {
                Some(Ok(batch)) => {
                    requests.spawn(write(Arc::clone(door), path.to_owned(), batch));
                }
                Some(Err(error)) => (parsing, failed) = (false, Some((u64::MAX, error))),
                None => parsing = false,
            },
            Some(written) = requests.join_next() => {
                match written.expect("a request neither panics nor is cancelled") {
                    Ok(rows) => advance(bar, extent, rows),
                    Err((row, error)) => {
                        parsing = false;
                        if failed.as_ref().is_none_or(|(first, _)| row < *first) {
                            failed = Some((row, error));
                        }
                    }
                }
            }
            else => break,
        }
    }
    drop(batch_out);
    let (start, end) = parser
        .await
        .expect("the parser neither panics nor is cancelled");
    match failed {
        None => Ok(end - start),
        Some((row, error)) => Err(resumable(error, row.min(end))),
    }
}

/// `error` with where to go on.
fn resumable(error: ImportError, row: u64) -> ImportError {
    let mut text = error.to_string();
    if row > 0 {
        write!(
            text,
            "\nThe first {row} rows are imported: --skip {row} goes on behind them"
        )
        .expect("writing to a string cannot fail");
    }
    ImportError::Refused(text)
}

/// Sends one batch; gives its number of rows, or the first of them and what went wrong.
async fn write(door: Arc<Door>, path: String, batch: Batch) -> Result<u64, (u64, ImportError)> {
    let Batch { body, rows, start } = batch;
    let path = format!("{path}/points?wait=true");
    match door.send(Method::PUT, &path, body).await {
        Ok((StatusCode::OK, _)) => Ok(rows.end - rows.start),
        Ok((status, body)) => {
            let why = refusal(status, &body);
            Err((
                rows.start,
                ImportError::Refused(format!("from {start}: {why}")),
            ))
        }
        Err(error) => Err((rows.start, error)),
    }
}

fn bar(extent: &Extent) -> ProgressBar {
    let (total, template) = match extent {
        Extent::Rows(rows) => (
            *rows,
            "{bar:40} {human_pos}/{human_len} rows, {per_sec}, {eta} left",
        ),
        Extent::Bytes { total, .. } => (
            *total,
            "{bar:40} {bytes}/{total_bytes} of the file, {msg} rows, {eta} left",
        ),
    };
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    let bar = ProgressBar::new(total).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn advance(bar: &ProgressBar, extent: &Extent, rows: u64) {
    match extent {
        Extent::Rows(_) => bar.inc(rows),
        Extent::Bytes { read, .. } => {
            bar.set_position(read.load(Ordering::Relaxed));
            let so_far: u64 = bar.message().parse().unwrap_or(0);
            bar.set_message((so_far + rows).to_string());
        }
    }
}
