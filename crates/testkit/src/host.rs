//! A host whose every step is chosen by a seed: one thread, simulated time, repeatable chance.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use database::Host;
use model::BoxFuture;

use crate::split_mix::SplitMix;

/// Where simulated time begins, in microseconds since 1970: old enough objects are possible.
const START_US: u64 = 1_700_000_000_000_000;

/// Runs tasks, timers and heavy work of a database on the thread that asks for it. The same seed
/// gives the same order of everything.
pub struct SimHost {
    me: Weak<SimHost>,
    state: Mutex<Simulation>,
}

struct Simulation {
    now_us: u64,
    random: SplitMix,
    ready: Vec<Arc<Task>>,
    /// By the time they are due, then in the order in which they were asked for.
    timers: BTreeMap<(u64, u64), Arc<Timer>>,
    timers_made: u64,
    heavy: VecDeque<Box<dyn FnOnce() + Send>>,
    crashed: bool,
}

struct Task {
    host: Weak<SimHost>,
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    queued: AtomicBool,
}

#[derive(Default)]
struct Timer {
    due: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl SimHost {
    /// A host that does everything in the order that `seed` chooses.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            state: Mutex::new(Simulation {
                now_us: START_US,
                random: SplitMix::new(seed),
                ready: Vec::new(),
                timers: BTreeMap::new(),
                timers_made: 0,
                heavy: VecDeque::new(),
                crashed: false,
            }),
        })
    }

    /// Runs `future` and everything else until it ends.
    ///
    /// # Panics
    /// When it waits for something that will never happen.
    pub fn block_on<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let slot = Arc::new(Mutex::new(None));
        let result = Arc::clone(&slot);
        self.spawn(Box::pin(async move {
            let value = future.await;
            *lock(&result) = Some(value);
        }));
        loop {
            if let Some(value) = lock(&slot).take() {
                return value;
            }
            assert!(
                self.step(),
                "the future waits for something that will never happen"
            );
        }
    }

    /// Runs until nothing is left to do: timers included, so this lets as much time pass as the
    /// tasks want.
    ///
    /// # Panics
    /// After a million steps: something never ends.
    pub fn run_until_idle(&self) {
        for _ in 0..1_000_000 {
            if !self.step() {
                return;
            }
        }
        panic!("the tasks never end");
    }

    /// Runs at most `steps` steps.
    pub fn run_steps(&self, steps: usize) {
        for _ in 0..steps {
            if !self.step() {
                return;
            }
        }
    }

    /// Lets `ms` milliseconds pass at once, without running anything.
    pub fn advance(&self, ms: u64) {
        self.lock().now_us += ms * 1000;
    }

    /// Whether a task, timer or heavy work is left.
    pub fn is_idle(&self) -> bool {
        let state = self.lock();
        state.ready.is_empty() && state.timers.is_empty() && state.heavy.is_empty()
    }

    /// Ends everything where it stands, as the death of the process does. Nothing runs any more.
    pub fn crash(&self) {
        let (ready, heavy, timers) = {
            let mut state = self.lock();
            state.crashed = true;
            let ready = std::mem::take(&mut state.ready);
            (
                ready,
                std::mem::take(&mut state.heavy),
                std::mem::take(&mut state.timers),
            )
        };
        // Dropping a task may wake others, which takes the lock.
        drop((ready, heavy, timers));
    }

    fn step(&self) -> bool {
        match self.choose() {
            Some(Step::Poll(task)) => task.poll(),
            Some(Step::Heavy(work)) => work(),
            Some(Step::Timer(timer)) => timer.fire(),
            None => return false,
        }
        true
    }

    fn choose(&self) -> Option<Step> {
        let mut state = self.lock();
        // Heavy work is seldom done first, so that it falls between any two steps of the others.
        let first = !state.heavy.is_empty() && state.random.below(8) == 0;
        if (state.ready.is_empty() || first)
            && let Some(work) = state.heavy.pop_front()
        {
            return Some(Step::Heavy(work));
        }
        if !state.ready.is_empty() {
            let count = state.ready.len();
            let at = state.random.below(count);
            return Some(Step::Poll(state.ready.swap_remove(at)));
        }
        let ((due_us, _), timer) = state.timers.pop_first()?;
        state.now_us = state.now_us.max(due_us);
        Some(Step::Timer(timer))
    }

    fn lock(&self) -> MutexGuard<'_, Simulation> {
        lock(&self.state)
    }
}

enum Step {
    Poll(Arc<Task>),
    Heavy(Box<dyn FnOnce() + Send>),
    Timer(Arc<Timer>),
}

impl Task {
    fn poll(self: &Arc<Self>) {
        self.queued.store(false, Ordering::SeqCst);
        let Some(mut future) = lock(&self.future).take() else {
            return;
        };
        let waker = Waker::from(Arc::clone(self));
        if future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
        {
            *lock(&self.future) = Some(future);
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let Some(host) = self.host.upgrade() else {
            return;
        };
        let mut state = host.lock();
        if !state.crashed && !self.queued.swap(true, Ordering::SeqCst) {
            state.ready.push(Arc::clone(&self));
        }
    }
}

impl Timer {
    fn fire(&self) {
        self.due.store(true, Ordering::SeqCst);
        let waker = lock(&self.waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Host for SimHost {
    fn unix_ms(&self) -> u64 {
        self.lock().now_us / 1000
    }

    fn monotonic_us(&self) -> u64 {
        let mut state = self.lock();
        // No two moments are the same.
        state.now_us += 1;
        state.now_us
    }

    fn random(&self) -> u128 {
        let mut state = self.lock();
        (u128::from(state.random.bits()) << 64) | u128::from(state.random.bits())
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let future = Mutex::new(Some(task));
        let task = Arc::new(Task {
            host: self.me.clone(),
            future,
            queued: AtomicBool::new(true),
        });
        let mut state = self.lock();
        if !state.crashed {
            state.ready.push(task);
        }
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        let timer = Arc::new(Timer::default());
        {
            let mut state = self.lock();
            state.timers_made += 1;
            let at = (state.now_us + ms * 1000, state.timers_made);
            state.timers.insert(at, Arc::clone(&timer));
        }
        Box::pin(std::future::poll_fn(move |context| {
            // Fired and polled on one thread: nothing can come between.
            if timer.due.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            *lock(&timer.waker) = Some(context.waker().clone());
            Poll::Pending
        }))
    }

    fn run_heavy(&self, work: Box<dyn FnOnce() + Send>) {
        let mut state = self.lock();
        if !state.crashed {
            state.heavy.push_back(work);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
