//! Waking a future from elsewhere.

use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

/// Wakes the one future that waits. A call of [`Self::notify`] with nobody waiting is remembered
/// once.
#[derive(Default)]
pub(crate) struct Signal(Mutex<State>);

#[derive(Default)]
struct State {
    notified: bool,
    waiting: Option<Waker>,
}

impl Signal {
    /// Wakes the waiting future, or lets the next one pass at once.
    pub(crate) fn notify(&self) {
        let waiting = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.notified = true;
            state.waiting.take()
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// Ends after a call of [`Self::notify`] that no other wait has consumed.
    pub(crate) async fn wait(&self) {
        std::future::poll_fn(|context| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::take(&mut state.notified) {
                return Poll::Ready(());
            }
            state.waiting = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn a_notification_lets_one_wait_pass_whenever_it_came() {
        let signal = Signal::default();
        assert!(signal.wait().now_or_never().is_none());
        signal.notify();
        signal.notify();
        assert!(signal.wait().now_or_never().is_some());
        assert!(signal.wait().now_or_never().is_none());
    }
}
