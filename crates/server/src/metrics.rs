//! What `/metrics` tells about the database and the process. The dialect that is asked puts its own
//! beside it: collections, their points, responses.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use app::gateway::{LogLevel, Resources};
use app::{CollectionStats, Database, DatabaseStats, MetricsSource, Status};

use crate::exposition::{Exposition, Kind};
use crate::log;
use crate::process::{self, ProcessStats};

/// Metrics of a running server.
#[derive(Default)]
pub struct ServerMetrics {
    /// Empty until recovery is over.
    database: OnceLock<Arc<Database>>,
    /// Requests are refused once it stops.
    stopping: AtomicBool,
    /// Where the data lies, if it lies on a disk.
    directory: Option<PathBuf>,
    /// When this began to be, as RFC 3339 writes it.
    started_at: Option<String>,
}

impl ServerMetrics {
    /// Of this process, whose data lies in `directory`; there is no database yet.
    pub fn new(directory: Option<PathBuf>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since
            .ok()
            .and_then(|since| i64::try_from(since.as_micros()).ok());
        Self {
            directory,
            started_at: micros.map(|micros| app::model::Timestamp(micros).to_string()),
            ..Self::default()
        }
    }

    /// From now on of `database` too. A second call changes nothing.
    pub fn watch(&self, database: Arc<Database>) {
        // Only a second call fails, which changes nothing.
        let _ = self.database.set(database);
    }

    /// From now on the server says that it is not ready.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

impl MetricsSource for ServerMetrics {
    fn metrics(&self) -> String {
        let stats = self.database.get().map(|database| database.stats());
        render(&stats.unwrap_or_default(), ProcessStats::read())
    }

    fn started_at(&self) -> Option<String> {
        self.started_at.clone()
    }

    fn resources(&self) -> Resources {
        let process = ProcessStats::read();
        let disk = self.directory.as_deref().and_then(process::disk_bytes);
        let processors = std::thread::available_parallelism().ok();
        Resources {
            resident_bytes: process.map(|process| process.resident_bytes),
            anonymous_bytes: process.map(|process| process.anonymous_bytes),
            memory_bytes: process::memory_bytes(),
            disk_used_bytes: disk.map(|(used, _)| used),
            disk_bytes: disk.map(|(_, total)| total),
            processors: processors.map(|count| count.get() as u64),
        }
    }

    fn is_ready(&self) -> bool {
        self.database.get().is_some() && !self.stopping.load(Ordering::Relaxed)
    }

    fn log_level(&self) -> Option<LogLevel> {
        log::level()
    }

    fn set_log_level(&self, level: LogLevel) -> bool {
        log::set_level(level)
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
    let family = (
        Gauge,
        "skerry_growing_rows",
        "Rows that are not sealed yet.",
    );
    per_collection(text, open, family, |c| c.growing_rows);
    let family = (
        Gauge,
        "skerry_growing_bytes",
        "Memory of rows that are not sealed yet.",
    );
    per_collection(text, open, family, |c| c.growing_bytes);
    let family = (Gauge, "skerry_part_bytes", "Bytes of segment files in use.");
    per_collection(text, open, family, |c| c.part_bytes);
    let family = (
        Gauge,
        "skerry_log_tail_entries",
        "Log entries that a restart replays.",
    );
    per_collection(text, open, family, |c| c.log_tail);
    let family = (
        Gauge,
        "skerry_read_only",
        "1 when a collection takes no writes.",
    );
    per_collection(text, open, family, |c| match c.status {
        Status::Ready | Status::Optimizing | Status::Pending | Status::Failing(_) => 0,
        Status::ReadOnly(_) => 1,
    });
}

fn commits(text: &mut Exposition, open: &[CollectionStats]) {
    use Kind::{Counter, Gauge};
    let seconds = |micros: u64| micros as f64 / 1e6;
    let family = (
        Gauge,
        "skerry_writes_waiting",
        "Writes that wait to be committed.",
    );
    per_collection(text, open, family, |c| c.waiting);
    let family = (Counter, "skerry_commits_total", "Log entries written.");
    per_collection(text, open, family, |c| c.commits.commits);
    let help = "Time spent applying and writing log entries.";
    let family = (Counter, "skerry_commit_seconds_total", help);
    per_collection(text, open, family, |c| seconds(c.commits.commit_us));
    let family = (
        Counter,
        "skerry_writes_total",
        "Writes acknowledged; several share a commit.",
    );
    per_collection(text, open, family, |c| c.commits.changes);
    let help = "Time from asking to acknowledgement, summed over writes.";
    let family = (Counter, "skerry_write_seconds_total", help);
    per_collection(text, open, family, |c| seconds(c.commits.change_us));
}

fn upkeep(text: &mut Exposition, open: &[CollectionStats]) {
    use Kind::{Counter, Gauge};
    let mut family = text.family(Gauge, "skerry_job_progress", "Share done of running jobs.");
    for (collection, job) in open
        .iter()
        .flat_map(|c| c.upkeep.running.iter().map(move |j| (c, j)))
    {
        let share = if job.total == 0 {
            0.0
        } else {
            job.done as f64 / job.total as f64
        };
        family.sample(
            &[("id", collection.name.as_str()), ("kind", job.kind)],
            share,
        );
    }
    let mut family = text.family(Gauge, "skerry_job_seconds", "How long running jobs run.");
    for (collection, job) in open
        .iter()
        .flat_map(|c| c.upkeep.running.iter().map(move |j| (c, j)))
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
    let family = (
        Counter,
        "skerry_jobs_failed_total",
        "Jobs that failed and are tried again.",
    );
    per_collection(text, open, family, |c| c.upkeep.failed);
    let family = (Counter, "skerry_checkpoints_total", "Checkpoints written.");
    per_collection(text, open, family, |c| c.upkeep.checkpoints);
    let family = (
        Counter,
        "skerry_objects_removed_total",
        "Files removed as garbage.",
    );
    per_collection(text, open, family, |c| c.upkeep.removed);
}

fn resources(text: &mut Exposition, process: ProcessStats) {
    use Kind::Gauge;
    for (name, help, value) in [
        (
            "process_resident_memory_bytes",
            "Resident memory.",
            process.resident_bytes,
        ),
        (
            "memory_resident_bytes",
            "Resident memory.",
            process.resident_bytes,
        ),
        (
            "skerry_memory_anonymous_bytes",
            "Memory no file stands behind.",
            process.anonymous_bytes,
        ),
        (
            "skerry_memory_file_bytes",
            "Resident pages of mapped files.",
            process.file_bytes,
        ),
        ("process_threads", "Threads.", process.threads),
        (
            "process_open_fds",
            "Open files and sockets.",
            process.open_files,
        ),
    ] {
        text.family(Gauge, name, help).sample(&[], value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use app::{CollectionName, CommitStats, JobStats, UpkeepStats};

    #[test]
    fn a_collection_at_work_is_told_about() {
        let upkeep = UpkeepStats {
            running: vec![JobStats {
                kind: "index",
                done: 30,
                total: 120,
                running_ms: 1500,
            }],
            done: vec![("seal", 3)],
            ..UpkeepStats::default()
        };
        let open = CollectionStats {
            name: CollectionName::new("a b").unwrap(),
            status: Status::Optimizing,
            points: 120,
            segments: 2,
            indexed_vectors: 0,
            growing_rows: 20,
            growing_bytes: 4096,
            log_tail: 5,
            part_bytes: 1 << 20,
            waiting: 1,
            commits: CommitStats {
                commits: 4,
                commit_us: 2_500_000,
                changes: 9,
                change_us: 10,
            },
            upkeep,
        };
        let stats = DatabaseStats {
            collections: 1,
            open: vec![open],
        };
        let text = render(&stats, None);
        for line in [
            r#"skerry_growing_rows{id="a b"} 20"#,
            r#"skerry_job_progress{id="a b",kind="index"} 0.25"#,
            r#"skerry_job_seconds{id="a b",kind="index"} 1.5"#,
            r#"skerry_jobs_total{id="a b",kind="seal"} 3"#,
            r#"skerry_commit_seconds_total{id="a b"} 2.5"#,
            r#"skerry_read_only{id="a b"} 0"#,
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line} is not in\n{text}"
            );
        }
        assert!(
            !text.contains("process_"),
            "nothing is known about the process"
        );
    }
}
