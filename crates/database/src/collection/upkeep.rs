//! The background loop of a collection: what is to be done next.
//!
//! The loop runs while there is work and ends when there is none, so that idle collections cost
//! nothing. It has two lanes. Sealing has its own, because writers may wait for it and it is quick;
//! merging and building indexes share the other and may take minutes. Checkpoints and garbage come
//! when both have nothing to do with the rows that a checkpoint would name.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{Job, JobPolicy};
use futures::future::{Either, select};
use model::{Error, PlannedTask, Status, Task, TaskEnd};
use storage::Ulid;
use storage::log::Position;

use super::garbage::{Files, Inventory, Kept};
use super::job::{self, Running};
use super::{Live, manifest};
use crate::journal::View;
use crate::signal::Signal;
use crate::stats::UpkeepStats;

use super::content::Content;

/// First pause after a failed job; each further failure doubles it.
const RETRY_MS: u64 = 1_000;
const RETRY_MS_MAX: u64 = 300_000;
/// Writers may be waiting for a seal.
const RETRY_SEAL_MS_MAX: u64 = 4_000;

/// So many ended jobs are remembered.
const ENDED_MAX: usize = 64;

/// A log tail of so many times the usual length is cut even while writes arrive.
const BUSY_TAILS: u64 = 16;

/// Background work of one collection.
pub(crate) struct Upkeep {
    state: Mutex<UpkeepState>,
    /// Wakes the loop.
    signal: Signal,
    /// Told when the loop has ended after [`Upkeep::stop`].
    ended: Signal,
}

pub(super) struct UpkeepState {
    running: bool,
    stopping: bool,
    last_write_us: Option<u64>,
    lanes: [Lane; 2],
    checkpoint: Retry,
    pub(super) kept: Kept,
    pub(super) inventory: Inventory,
    /// Checkpoints were written since garbage was last collected.
    collect: bool,
    /// Files that nobody knows were looked for.
    pub(super) swept: bool,
    pub(super) stats: UpkeepStats,
    pub(super) jobs: Vec<Arc<Running>>,
    /// Jobs that have ended, newest first.
    ended: VecDeque<Task>,
}

#[derive(Default)]
struct Lane {
    busy: bool,
    retry: Retry,
}

/// When to try again after failures.
#[derive(Default)]
struct Retry {
    failures: u32,
    not_before_us: u64,
    /// Why the last attempt failed.
    reason: Option<Box<str>>,
}

impl Retry {
    fn note(&mut self, outcome: &Result<(), Error>, now_us: u64, pause_ms_max: u64) {
        if outcome.is_ok() {
            *self = Self::default();
            return;
        }
        self.reason = outcome
            .as_ref()
            .err()
            .map(|error| error.message.as_str().into());
        let pause_ms = RETRY_MS.checked_shl(self.failures).unwrap_or(pause_ms_max);
        self.failures = (self.failures + 1).min(20);
        self.not_before_us = now_us + 1000 * pause_ms.min(pause_ms_max);
    }
}

/// Which jobs run beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LaneName {
    Seal = 0,
    Optimize = 1,
}

enum Step {
    Job(LaneName, Arc<View<Content>>, Job),
    Checkpoint,
    Collect,
    /// Until a signal, or so many milliseconds.
    Wait(Option<u64>),
    End,
}

impl Upkeep {
    pub(super) fn new(kept: Kept, found: &Files) -> Self {
        let state = UpkeepState {
            running: false,
            stopping: false,
            last_write_us: None,
            lanes: Default::default(),
            checkpoint: Retry::default(),
            inventory: Inventory::new(found, &kept),
            kept,
            collect: false,
            swept: false,
            stats: UpkeepStats::default(),
            jobs: Vec::new(),
            ended: VecDeque::new(),
        };
        Self {
            state: Mutex::new(state),
            signal: Signal::default(),
            ended: Signal::default(),
        }
    }

    /// A commit was published.
    pub(super) fn written(&self, now_us: u64) {
        self.lock().last_write_us = Some(now_us);
    }

    /// What goes on, as far as the lanes and the loop know it.
    pub(super) fn status(&self) -> Option<Status> {
        let state = self.lock();
        if state.lanes.iter().any(|lane| lane.busy) {
            return Some(Status::Optimizing);
        }
        let retries = state.lanes.iter().map(|lane| &lane.retry);
        let mut retries = retries.chain([&state.checkpoint]);
        retries
            .find_map(|retry| retry.reason.as_deref())
            .map(|reason| Status::Failing(reason.to_owned()))
    }

    /// Whether the loop will do what is due.
    pub(super) fn is_awake(&self) -> bool {
        self.lock().running
    }

    /// Background work as it is told to people, but for what is idle.
    pub(super) fn watch(&self, content: &Content) -> model::Upkeep {
        let state = self.lock();
        let running: Vec<_> = state.jobs.iter().map(|job| job.task(None)).collect();
        let mut taken: Vec<u128> = Vec::new();
        for job in &state.jobs {
            taken.extend(job.segments().iter().map(|segment| segment.id));
        }
        let mut queued = Vec::new();
        for job in content.collection.due_jobs(&JobPolicy::idle()) {
            let segments = job.segment_sizes();
            // What is being worked on is due no more.
            if segments.iter().all(|segment| !taken.contains(&segment.id)) {
                taken.extend(segments.iter().map(|segment| segment.id));
                let kind = job.kind().label();
                queued.push(PlannedTask { kind, segments });
            }
        }
        let all = content.collection.segment_sizes().into_iter();
        model::Upkeep {
            running,
            queued,
            completed: state.ended.iter().cloned().collect(),
            idle: all.filter(|segment| !taken.contains(&segment.id)).collect(),
        }
    }

    /// Log entries after the newest checkpoint.
    pub(super) fn log_tail(&self, position: &Position) -> u64 {
        position.n.saturating_sub(self.lock().kept.newest())
    }

    /// No new job begins, and those that run stop at their next step.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        state.jobs.iter().for_each(|job| job.cancel());
        drop(state);
        self.signal.notify();
    }

    /// Ends when the loop has ended, after [`Self::stop`].
    pub(super) async fn stopped(&self) {
        while self.lock().running {
            self.ended.wait().await;
        }
    }

    pub(super) fn stats(&self, now_us: u64) -> UpkeepStats {
        let state = self.lock();
        let running = state.jobs.iter().map(|job| job.stats(now_us)).collect();
        UpkeepStats {
            running,
            ..state.stats.clone()
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, UpkeepState> {
        // Nothing under this lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job begins.
    pub(super) fn job_started(&self, job: &Arc<Running>) {
        let mut state = self.lock();
        if state.stopping {
            job.cancel();
        }
        state.jobs.push(Arc::clone(job));
    }

    /// A job of `lane` has ended.
    pub(super) fn job_ended(
        &self,
        lane: LaneName,
        job: &Arc<Running>,
        outcome: &Result<(), Error>,
        end: TaskEnd,
        now_us: u64,
    ) {
        let mut state = self.lock();
        state.ended.push_front(job.task(Some(end)));
        state.ended.truncate(ENDED_MAX);
        state.jobs.retain(|other| !Arc::ptr_eq(job, other));
        if outcome.is_ok() {
            let kind = job.stats(now_us).kind;
            match state
                .stats
                .done
                .iter_mut()
                .find(|(other, _)| *other == kind)
            {
                Some((_, count)) => *count += 1,
                None => state.stats.done.push((kind, 1)),
            }
        }
        let pause_ms_max = match lane {
            LaneName::Seal => RETRY_SEAL_MS_MAX,
            LaneName::Optimize => RETRY_MS_MAX,
        };
        let lane = &mut state.lanes[lane as usize];
        lane.busy = false;
        lane.retry.note(outcome, now_us, pause_ms_max);
        state.stats.failed += u64::from(outcome.is_err());
        drop(state);
        self.signal.notify();
    }

    /// Something may have become garbage; `parts` may be, which nobody here has to know yet.
    pub(super) fn look_for_garbage(&self, parts: impl IntoIterator<Item = Ulid>) {
        let mut state = self.lock();
        state.inventory.learn(parts);
        state.collect = true;
        drop(state);
        self.signal.notify();
    }

    /// The file is part of the state now, and may be garbage some day.
    pub(super) fn learn(&self, file: Ulid) {
        self.lock().inventory.learn([file]);
    }

    /// A checkpoint was written.
    pub(super) fn checkpointed(&self, position: Position, files: Files, keep: usize) {
        let mut state = self.lock();
        state.kept.add(position, files);
        state.kept.truncate(keep);
        state.stats.checkpoints += 1;
        state.collect = true;
    }
}

/// Sees to it that the loop runs if there may be work.
pub(super) fn kick(live: &Arc<Live>) {
    let mut state = live.upkeep.lock();
    if state.stopping {
        return;
    }
    if state.running {
        // The loop looks again on its own when the collection is idle; only writers who may soon
        // have to wait are worth waking it for at every commit.
        let content = &live.journal.view().state;
        let full = content.collection.growing().bytes > content.seal_bytes;
        let wake = full && !state.lanes[LaneName::Seal as usize].busy;
        drop(state);
        if wake {
            live.upkeep.signal.notify();
        }
        return;
    }
    state.running = true;
    drop(state);
    live.shared.host.spawn(Box::pin(run(Arc::clone(live))));
}

async fn run(live: Arc<Live>) {
    loop {
        match next_step(&live) {
            Step::Job(lane, view, job) => job::start(&live, lane, view, job),
            Step::Checkpoint => {
                let outcome = checkpoint(&live).await;
                if let Err(error) = &outcome {
                    tracing::warn!(collection = %live.name(), %error, "no checkpoint was written");
                }
                let now_us = live.shared.host.monotonic_us();
                live.upkeep
                    .lock()
                    .checkpoint
                    .note(&outcome, now_us, RETRY_MS_MAX);
            }
            Step::Collect => super::garbage::collect(&live).await,
            Step::Wait(ms) => wait(&live, ms).await,
            Step::End => {
                live.upkeep.ended.notify();
                return;
            }
        }
    }
}

async fn wait(live: &Live, ms: Option<u64>) {
    let signal = std::pin::pin!(live.upkeep.signal.wait());
    match ms {
        None => signal.await,
        Some(ms) => match select(signal, live.shared.host.sleep(ms)).await {
            Either::Left(_) | Either::Right(_) => {}
        },
    }
}

/// Decides, and marks what it decided as begun.
fn next_step(live: &Live) -> Step {
    let now_us = live.shared.host.monotonic_us();
    let mut guard = live.upkeep.lock();
    let state = &mut *guard;
    let busy = state.lanes.iter().any(|lane| lane.busy);
    if state.stopping || live.journal.read_only().is_some() {
        if busy {
            return Step::Wait(None);
        }
        state.running = false;
        return Step::End;
    }
    let view = live.journal.view();
    let idle_at_us = state
        .last_write_us
        .map_or(0, |at| at + 1000 * live.shared.options.idle_ms);
    let idle = now_us >= idle_at_us;
    let mut wake_us = if idle { u64::MAX } else { idle_at_us };
    if let Some((lane, job)) = next_job(live, state, &view, idle, now_us, &mut wake_us) {
        state.lanes[lane as usize].busy = true;
        drop(guard);
        return Step::Job(lane, view, job);
    }
    let seal_busy = state.lanes[LaneName::Seal as usize].busy;
    if !seal_busy && wants_checkpoint(live, state, &view, idle) {
        if now_us >= state.checkpoint.not_before_us {
            return Step::Checkpoint;
        }
        wake_us = wake_us.min(state.checkpoint.not_before_us);
    }
    if std::mem::take(&mut state.collect) {
        return Step::Collect;
    }
    if wake_us < u64::MAX {
        return Step::Wait(Some(wake_us.saturating_sub(now_us) / 1000 + 1));
    }
    if busy {
        return Step::Wait(None);
    }
    state.running = false;
    Step::End
}

/// The job to begin now, if any; `wake_us` becomes the time at which a failed one is tried again.
fn next_job(
    live: &Live,
    state: &UpkeepState,
    view: &View<Content>,
    idle: bool,
    now_us: u64,
    wake_us: &mut u64,
) -> Option<(LaneName, Job)> {
    let tail = view.position.n.saturating_sub(state.kept.newest());
    let tail_max = live.shared.options.log_tail_max;
    let mut policy = JobPolicy {
        idle,
        log_entries: tail,
        idle_log_entries: tail_max,
        ..live.shared.options.policy
    };
    let mut settled = idle && !state.kept.names(&view.state.parts);
    for lane in [LaneName::Optimize, LaneName::Seal] {
        let Lane { busy, retry } = &state.lanes[lane as usize];
        if lane == LaneName::Seal && (settled || tail > BUSY_TAILS.saturating_mul(tail_max)) {
            (policy.seal_rows, policy.idle_seal_rows) = (1, 1);
        }
        let job = if *busy {
            None
        } else {
            job::next(&view.state, lane, &policy)
        };
        // Results of jobs become durable by a checkpoint, for which a few growing rows are sealed
        // too; but only once, after the last job.
        settled &= !busy && job.is_none();
        match job {
            Some(job) if now_us >= retry.not_before_us => return Some((lane, job)),
            Some(_) => *wake_us = (*wake_us).min(retry.not_before_us),
            None => {}
        }
    }
    None
}

/// Whether a checkpoint of the newest state can be written and is worth it.
fn wants_checkpoint(live: &Live, state: &UpkeepState, view: &View<Content>, idle: bool) -> bool {
    if view.state.collection.growing().rows > 0 {
        return false;
    }
    let tail = view.position.n.saturating_sub(state.kept.newest());
    !state.kept.names(&view.state.parts)
        || tail > live.shared.options.log_tail_max
        || (idle && frees_files(state, &view.state))
}

/// Whether one more checkpoint lets files go, or is a step towards it.
fn frees_files(state: &UpkeepState, content: &Content) -> bool {
    let current = content.files();
    state.inventory.is_held_back(&current, &state.kept) || state.kept.names_detached(&current)
}

/// Writes a checkpoint of the newest state, if it has no growing rows when its turn comes.
async fn checkpoint(live: &Live) -> Result<(), Error> {
    let seen = Arc::new(Mutex::new(None));
    let payload = {
        let seen = Arc::clone(&seen);
        move |content: &Content| {
            let payload = manifest::encode(content)?;
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(content.files());
            Some(payload)
        }
    };
    let position = live.journal.checkpoint_here(payload).await?;
    let files = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (Some(position), Some(files)) = (position, files) {
        live.upkeep
            .checkpointed(position, files, live.shared.options.checkpoints_kept);
        tracing::debug!(collection = %live.name(), entry = position.n, "checkpoint written");
        return Ok(());
    }
    // Rows may have begun to grow since it was decided; nothing else prevents a checkpoint.
    match live.content().state.collection.growing().rows {
        0 => Err(Error::internal(
            "a state without growing rows has no manifest",
        )),
        _ => Ok(()),
    }
}
