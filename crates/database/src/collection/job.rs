//! One job of the engine, from its inputs to the installed result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use engine::{
    Installed, Job, JobKind, JobOutput, JobPolicy, PartKind, PartRef, Progress, SegmentId,
};
use futures::channel::oneshot;
use futures::future::{Either, select};
use model::{Error, ErrorKind, SegmentSize, Subject, Task, TaskEnd, TaskFailure};
use storage::{Body, Ulid};

use super::content::Content;
use super::part_file::PartFile;
use super::parts::{self, Places};
use super::upkeep::LaneName;
use super::{Live, manifest};
use crate::journal::View;
use crate::signal::Signal;
use crate::stats::JobStats;

/// Between two lines of the log about one job.
const PROGRESS_MS: u64 = 5_000;

/// A job that runs, as others see it.
pub(super) struct Running {
    id: Ulid,
    kind: JobKind,
    segments: Vec<SegmentSize>,
    started_ms: u64,
    since_us: u64,
    done: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
    /// Notified when it is cancelled.
    stop: Signal,
}

impl Running {
    pub(super) fn stats(&self, now_us: u64) -> JobStats {
        JobStats {
            kind: self.kind.label(),
            done: self.done.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
            running_ms: now_us.saturating_sub(self.since_us) / 1000,
        }
    }

    /// As it is told to people; `end` once it has ended.
    pub(super) fn task(&self, end: Option<TaskEnd>) -> Task {
        Task {
            id: u128::from_be_bytes(self.id.to_bytes()),
            kind: self.kind.label(),
            segments: self.segments.clone(),
            started_ms: self.started_ms,
            done: self.done.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
            end,
        }
    }

    /// The segments that it works on.
    pub(super) fn segments(&self) -> &[SegmentSize] {
        &self.segments
    }

    /// How it ended, now.
    fn end(&self, live: &Live, outcome: &Result<(), Error>) -> TaskEnd {
        let host = &live.shared.host;
        let failure = outcome.as_ref().err().map(|error| {
            let text = error.message.clone();
            match self.is_cancelled() {
                true => TaskFailure::Cancelled(text),
                false => TaskFailure::Error(text),
            }
        });
        TaskEnd {
            at_ms: host.unix_ms(),
            took_us: host.monotonic_us().saturating_sub(self.since_us),
            failure,
        }
    }

    /// Asks the job to stop at its next step, and whoever waits for it to wait no longer.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.stop.notify();
    }
}

impl Progress for Running {
    fn report(&self, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// The job that `lane` should do next, if any.
pub(super) fn next(content: &Content, lane: LaneName, policy: &JobPolicy) -> Option<Job> {
    match lane {
        LaneName::Seal => content.collection.next_seal(policy),
        // Waits for a due seal when idle: graphs are built after its rows are merged in.
        LaneName::Optimize => content.collection.next_optimization(policy),
    }
}

/// Begins `job`, which was chosen for `view`. The lane is told when it has ended.
pub(super) fn start(live: &Arc<Live>, lane: LaneName, view: Arc<View<Content>>, job: Job) {
    let live = Arc::clone(live);
    let host = Arc::clone(&live.shared.host);
    host.spawn(Box::pin(async move {
        // Writers may wait for a seal, so it waits for nobody.
        let _permit = match lane {
            LaneName::Seal => None,
            LaneName::Optimize => Some(live.shared.permits.acquire().await),
        };
        let (kind, rows) = (job.kind(), job.rows());
        let running = Arc::new(Running {
            id: live.shared.new_id(),
            kind,
            segments: job.segment_sizes(),
            started_ms: live.shared.host.unix_ms(),
            since_us: live.shared.host.monotonic_us(),
            done: AtomicU64::new(0),
            total: AtomicU64::new(rows),
            cancelled: AtomicBool::new(false),
            stop: Signal::default(),
        });
        live.upkeep.job_started(&running);
        tracing::info!(collection = %live.name(), job = kind.label(), rows, "started");
        let outcome = carry_out(&live, &view, job, &running).await;
        let ms = running.stats(live.shared.host.monotonic_us()).running_ms;
        match &outcome {
            Ok(()) => {
                tracing::info!(collection = %live.name(), job = kind.label(), rows, ms, "done");
            }
            Err(error) => {
                tracing::warn!(collection = %live.name(), job = kind.label(), ms, %error, "failed");
                if lane == LaneName::Seal {
                    live.journal.fail_waiting(error);
                }
            }
        }
        drop(view);
        let now_us = live.shared.host.monotonic_us();
        let end = running.end(&live, &outcome);
        live.upkeep.job_ended(lane, &running, &outcome, end, now_us);
    }));
}

async fn carry_out(
    live: &Arc<Live>,
    view: &View<Content>,
    job: Job,
    running: &Arc<Running>,
) -> Result<(), Error> {
    let inputs = inputs(&job, &view.state);
    let progress = Arc::clone(running);
    let made = in_background(live, running, move || {
        // Damage must not be copied into a file whose checksums then vouch for it.
        inputs.iter().try_for_each(|file| file.verify())?;
        let output = job.run(&*progress)?;
        let pack = |part: &engine::NewPart| {
            let body = parts::pack(part)?;
            Ok((part.kind.clone(), body))
        };
        let bodies = output
            .parts()
            .iter()
            .map(pack)
            .collect::<Result<Vec<_>, Error>>()?;
        Ok((output, bodies))
    });
    let (output, bodies) = made.await?;
    let ids: Vec<Ulid> = bodies.iter().map(|_| live.shared.new_id()).collect();
    let outcome = put_in_place(live, view, output, bodies, &ids).await;
    if outcome.is_err() && live.journal.read_only().is_none() {
        // Best effort: what stays is found by its age.
        for id in ids
            .iter()
            .filter(|id| !live.content().state.parts.contains_key(*id))
        {
            let _ = parts::remove(&*live.shared.store, &live.prefix, *id).await;
        }
    }
    outcome
}

/// The files that `job` reads.
fn inputs(job: &Job, content: &Content) -> Vec<Arc<PartFile>> {
    let sources: Vec<SegmentId> = job.sources().collect();
    let read = content
        .collection
        .parts()
        .filter(|(segment, _)| sources.contains(segment));
    let files = read.filter_map(|(_, part)| content.parts.get(&Ulid::parse(&part.key)?));
    files.cloned().collect()
}

/// Stores what a job made, opens it from where it is stored, and installs it.
async fn put_in_place(
    live: &Arc<Live>,
    view: &View<Content>,
    output: JobOutput,
    bodies: Vec<(PartKind, Body)>,
    ids: &[Ulid],
) -> Result<(), Error> {
    let (store, prefix) = (&*live.shared.store, &live.prefix);
    let places = Places::of(&live.shared, view.state.collection.schema());
    let mut files = Vec::new();
    let mut opened = Vec::new();
    for ((kind, body), id) in bodies.into_iter().zip(ids) {
        parts::write(store, prefix, *id, body).await?;
        let file = parts::read(store, prefix, *id, &kind, &places).await?;
        let blocks = file.blocks(&kind)?;
        opened.push((
            PartRef {
                kind,
                key: id.to_string(),
            },
            blocks,
        ));
        files.push(file);
    }
    let new_id = || SegmentId(u128::from_be_bytes(live.shared.new_id().to_bytes()));
    let segment = output.extends().unwrap_or_else(new_id);
    let kind = output.kind();
    let installed = output.open(segment, opened)?;
    install(live, installed.clone(), files.clone()).await?;
    if kind == JobKind::Seal {
        checkpoint(live, view, &installed, &files).await;
    }
    Ok(())
}

async fn install(
    live: &Arc<Live>,
    installed: Installed,
    files: Vec<Arc<PartFile>>,
) -> Result<(), Error> {
    let installing = Arc::clone(live);
    let added: Vec<Ulid> = files.iter().map(|file| file.id).collect();
    let install = move |view: &View<Content>| {
        let next = view.state.install(&installed, &files)?;
        installing
            .upkeep
            .lock()
            .inventory
            .replace(&view.state.parts);
        Ok(next)
    };
    live.journal.install(install).await?;
    // Only now: before the view is published, nothing but this function needs the files, and they
    // must not be taken for garbage.
    live.upkeep.lock().inventory.learn(added);
    Ok(())
}

/// Writes the checkpoint of the state that was sealed: with the new segment it has no growing
/// rows, while the newest state may have some again. A failure costs only a longer replay.
async fn checkpoint(
    live: &Live,
    view: &View<Content>,
    installed: &Installed,
    files: &[Arc<PartFile>],
) {
    let written = async {
        let content = view.state.install(installed, files)?;
        let Some(payload) = manifest::encode(&content) else {
            return Ok(());
        };
        live.journal
            .write_checkpoint(view.position, payload)
            .await?;
        let keep = live.shared.options.checkpoints_kept;
        live.upkeep
            .checkpointed(view.position, content.files(), keep);
        Ok::<(), Error>(())
    };
    if let Err(error) = written.await {
        tracing::warn!(collection = %live.name(), %error, "no checkpoint was written");
    }
}

/// Runs `work` where it holds up nobody, and tells of its progress meanwhile.
async fn in_background<T: Send + 'static>(
    live: &Live,
    running: &Running,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let cancelled = || {
        let message = "the job was cancelled";
        Err(Error::new(
            ErrorKind::Unavailable,
            Subject::Request,
            message,
        ))
    };
    if running.is_cancelled() {
        return cancelled();
    }
    let (sender, mut done) = oneshot::channel();
    let host = &live.shared.host;
    host.run_heavy(Box::new(move || {
        // Nobody listens any more when the job was cancelled or the database dropped.
        let _ = sender.send(work());
    }));
    loop {
        // A graph may take minutes, and its thread looks up only between steps: when the database
        // is closed, what it makes is not waited for.
        let stop = std::pin::pin!(running.stop.wait());
        match select(select(&mut done, stop), host.sleep(PROGRESS_MS)).await {
            Either::Left((Either::Left((made, _)), _)) => {
                return made.unwrap_or_else(|_| Err(Error::internal("a job broke down")));
            }
            Either::Left((Either::Right(_), _)) => return cancelled(),
            Either::Right(_) => {
                let JobStats {
                    kind, done, total, ..
                } = running.stats(host.monotonic_us());
                tracing::info!(collection = %live.name(), job = kind, done, total, "in progress");
            }
        }
    }
}
