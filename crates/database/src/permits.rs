//! A limit on how much heavy work runs at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;

/// Hands out at most so many permits at a time, in the order in which they were asked for.
pub(crate) struct Permits(Mutex<State>);

struct State {
    free: usize,
    waiting: VecDeque<oneshot::Sender<Permit>>,
}

/// Leave to run; given back when dropped.
pub(crate) struct Permit(Arc<Permits>);

impl Permits {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            free: count,
            waiting: VecDeque::new(),
        })))
    }

    pub(crate) async fn acquire(self: &Arc<Self>) -> Permit {
        let waiting = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Permit(Arc::clone(self));
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(sender);
            receiver
        };
        waiting
            .await
            .expect("senders leave the queue only with a permit")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.lock();
            let next = state.waiting.pop_front();
            if next.is_none() {
                state.free += 1;
            }
            next
        };
        if let Some(next) = next {
            // Whoever stopped waiting drops the permit in the message, which passes it on.
            let _ = next.send(Self(Arc::clone(&self.0)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::FutureExt;

    #[test]
    fn permits_are_passed_on_in_order_and_past_those_who_left() {
        let permits = Permits::new(1);
        let first = permits.acquire().now_or_never().unwrap();
        let mut second = Box::pin(permits.acquire());
        let mut third = Box::pin(permits.acquire());
        let mut fourth = Box::pin(permits.acquire());
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        assert!((&mut fourth).now_or_never().is_none());
        drop(third);
        drop(first);
        let second = (&mut second).now_or_never().unwrap();
        assert!((&mut fourth).now_or_never().is_none());
        drop(second);
        drop((&mut fourth).now_or_never().unwrap());
        assert!(permits.acquire().now_or_never().is_some());
    }
}
