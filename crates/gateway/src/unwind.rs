//! Keeps a panic inside a handler from ending its host.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use model::BoxFuture;

/// Gives `None` when the future within panics. Where panics abort (WebAssembly), they still do.
pub(crate) struct Guarded<'a, T>(pub(crate) BoxFuture<'a, T>);

impl<T> Future for Guarded<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        // Unwind safety: after a panic the future is never polled again, and what it shares with
        // others (the executor) holds immutable values that are swapped in one step.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    }
}
