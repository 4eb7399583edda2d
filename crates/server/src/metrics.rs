//! What `/metrics` tells about the database and the process. The dialect that is asked puts its own
//! beside it: collections, their points, responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use app::{CollectionStats, Database, DatabaseStats, MetricsSource, Status};

use crate::exposition::{Exposition, Kind};
use crate::process::ProcessStats;

/// Metrics of a running server.
pub struct ServerMetrics {
    database: Arc<Database>,
    /// Requests are refused once it stops.
    stopping: AtomicBool,
}

impl ServerMetrics {
    /// Of `database` and this process.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database, stopping: AtomicBool::new(false) }
    }

    /// From now on the server says that it is not ready.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

impl MetricsSource for ServerMetrics {
    fn metrics(&self) -> String {
        render(&self.database.stats(), ProcessStats::read())
    }

    fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }
}

fn render(stats: &DatabaseStats, process: Option<ProcessStats>) -> String {
    let mut text = Exposition::default();
    sizes(&mut text, &stats.open);
    commits(&mut text, &stats.open);
    upkeep(&mut text, &stats.open);
    if let Some(process) = process {
        resources(&mut text, process);
    }
    text.finish()
}

/// A family with one sample per collection.
fn per_collection<V: std::fmt::Display>(
    text: &mut Exposition,
    open: &[CollectionStats],
    (kind, name, help): (Kind, &'static str, &str),
    value: impl Fn(&CollectionStats) -> V,
) {
    let mut family = text.family(kind, name, help);
    for collection in open {
        family.sample(&[("id", collection.name.as_str())], value(collection));
    }
}

/// How large collections are. Those that nobody has used since the start are not open, and are
/// left out.
fn sizes(text: &mut Exposition, open: &[CollectionStats]) {
    use Kind::Gauge;
    let family = (Gauge, "skerry_segments", "Segments, growing and sealed.");
    per_collection(text, open, family, |c| c.segments);
    let family = (Gauge, "skerry_growing_rows", "Rows that are not sealed yet.");
    per_collection(text, open, family, |c| c.growing_rows);
    let family = (Gauge, "skerry_growing_bytes", "Memory of rows that are not sealed yet.");
    per_collection(text, open, family, |c| c.growing_bytes);
    let family = (Gauge, "skerry_part_bytes", "Bytes of segment files in use.");
    per_collection(text, open, family, |c| c.part_bytes);
    let family = (Gauge, "skerry_log_tail_entries", "Log entries that a restart replays.");
    per_collection(text, open, family, |c| c.log_tail);
    let family = (Gauge, "skerry_read_only", "1 when a collection takes no writes.");
    per_collection(text, open, family, |c| match c.status {
        Status::Ready | Status::Optimizing => 0,
        Status::ReadOnly(_) => 1,
    });
}

fn commits(text: &mut Exposition, open: &[CollectionStats]) {
    use Kind::{Counter, Gauge};
    let seconds = |micros: u64| micros as f64 / 1e6;
    let family = (Gauge, "skerry_writes_waiting", "Writes that wait to be committed.");
    per_collection(text, open, family, |c| c.waiting);
    let family = (Counter, "skerry_commits_total", "Log entries written.");
    per_collection(text, open, family, |c| c.commits.commits);
    let help = "Time spent applying and writing log entries.";
    let family = (Counter, "skerry_commit_seconds_total", help);
    per_collection(text, open, family, |c| seconds(c.commits.commit_us));
    let family = (Counter, "skerry_writes_total", "Writes acknowledged; several share a commit.");
    per_collection(text, open, family, |c| c.commits.changes);
    let help = "Time from asking to acknowledgement, summed over writes.";
    let family = (Counter, "skerry_write_seconds_total", help);
    per_collection(text, open, family, |c| seconds(c.commits.change_us));
}

fn upkeep(text: &mut Exposition, open: &[CollectionStats]) {
    use Kind::{Counter, Gauge};
    let mut family = text.family(Gauge, "skerry_job_progress", "Share done of running jobs.");
    for (collection, job) in open.iter().flat_map(|c| c.upkeep.running.iter().map(move |j| (c, j)))
    {
        let share = if job.total == 0 { 0.0 } else { job.done as f64 / job.total as f64 };
        family.sample(&[("id", collection.name.as_str()), ("kind", job.kind)], share);
    }
    let mut family = text.family(Gauge, "skerry_job_seconds", "How long running jobs run.");
    for (collection, job) in open.iter().flat_map(|c| c.upkeep.running.iter().map(move |j| (c, j)))
    {
        let labels = [("id", collection.name.as_str()), ("kind", job.kind)];
        family.sample(&labels, job.running_ms as f64 / 1e3);
    }
    let mut family = text.family(Counter, "skerry_jobs_total", "Background jobs done.");
    for collection in open {
        for (kind, count) in &collection.upkeep.done {
            family.sample(&[("id", collection.name.as_str()), ("kind", kind)], count);
        }
    }
    let family = (Counter, "skerry_jobs_failed_total", "Jobs that failed and are tried again.");
    per_collection(text, open, family, |c| c.upkeep.failed);
    let family = (Counter, "skerry_checkpoints_total", "Checkpoints written.");
    per_collection(text, open, family, |c| c.upkeep.checkpoints);
    let family = (Counter, "skerry_objects_removed_total", "Files removed as garbage.");
    per_collection(text, open, family, |c| c.upkeep.removed);
}

fn resources(text: &mut Exposition, process: ProcessStats) {
    use Kind::Gauge;
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Resident memory.", process.resident_bytes),
        ("memory_resident_bytes", "Resident memory.", process.resident_bytes),
        ("skerry_memory_anonymous_bytes", "Memory no file stands behind.", process.anonymous_bytes),
        ("skerry_memory_file_bytes", "Resident pages of mapped files.", process.file_bytes),
        ("process_threads", "Threads.", process.threads),
        ("process_open_fds", "Open files and sockets.", process.open_files),
    ] {
        text.family(Gauge, name, help).sample(&[], value);
    }
}
