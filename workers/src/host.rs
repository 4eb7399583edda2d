//! What the database and the gateway ask of an isolate: clock, chance, tasks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use app::{BoxFuture, Host};
use wasm_bindgen_futures::spawn_local;
use worker::Delay;
use worker::send::IntoSendFuture;

/// A V8 isolate.
#[derive(Default)]
pub(crate) struct Isolate {
    /// The latest time told, so that no clock runs backwards.
    latest_us: AtomicU64,
}

impl Host for Isolate {
    fn unix_ms(&self) -> u64 {
        js_sys::Date::now() as u64
    }

    fn monotonic_us(&self) -> u64 {
        // In a worker time stands still while it computes; only I/O moves it.
        let now_us = (js_sys::Date::now() * 1000.0) as u64;
        self.latest_us
            .fetch_max(now_us, Ordering::Relaxed)
            .max(now_us)
    }

    fn random(&self) -> u128 {
        let mut bytes = [0; 16];
        getrandom::getrandom(&mut bytes).expect("an isolate has a source of randomness");
        u128::from_le_bytes(bytes)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        spawn_local(task);
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(Delay::from(Duration::from_millis(ms)).into_send())
    }

    fn run_heavy(&self, work: Box<dyn FnOnce() + Send>) {
        // There is one thread. Answers that are ready go out first.
        spawn_local(async move {
            Delay::from(Duration::ZERO).await;
            work();
        });
    }
}
