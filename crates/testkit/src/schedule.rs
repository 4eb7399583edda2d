//! Runs futures in an order that the test chooses, poll by poll.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// A task of a schedule.
pub type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Lets the other tasks go first, once.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls `tasks` in the order of `choices` (each taken modulo the tasks that are left), then in
/// turn until all have ended.
///
/// # Panics
/// When they have not ended after a million polls.
pub fn interleave(mut tasks: Vec<Task<'_>>, choices: impl IntoIterator<Item = usize>) {
    let mut choices = choices.into_iter();
    let mut context = Context::from_waker(Waker::noop());
    for turn in 0..1_000_000 {
        if tasks.is_empty() {
            return;
        }
        let at = choices.next().unwrap_or(turn) % tasks.len();
        if tasks[at].as_mut().poll(&mut context).is_ready() {
            drop(tasks.remove(at));
        }
    }
    panic!("the tasks do not end");
}

/// Runs one future to its end on this thread.
///
/// # Panics
/// When it has not ended after a million polls.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("the future does not end");
}
