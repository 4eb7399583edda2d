//! What the database and the gateway ask of a tab or a worker: clock, chance, tasks.

use std::sync::atomic::{AtomicU64, Ordering};

use app::{BoxFuture, Host};
use js_sys::{Function, Promise};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(then: &Function, ms: f64) -> JsValue;

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// A tab, a web worker, or node: one thread and its event loop.
#[derive(Default)]
pub(crate) struct Tab {
    /// The latest time told, so that no clock runs backwards.
    latest_us: AtomicU64,
}

/// Ends after `ms` milliseconds, and lets events in between.
async fn pause(ms: u64) {
    let promise = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, ms as f64);
    });
    // The promise of a timer is never rejected.
    let _ = JsFuture::from(promise).await;
}

impl Host for Tab {
    fn unix_ms(&self) -> u64 {
        js_sys::Date::now() as u64
    }

    fn monotonic_us(&self) -> u64 {
        let now_us = (performance_now() * 1000.0) as u64;
        self.latest_us
            .fetch_max(now_us, Ordering::Relaxed)
            .max(now_us)
    }

    fn random(&self) -> u128 {
        let mut bytes = [0; 16];
        getrandom::getrandom(&mut bytes).expect("a browser has a source of randomness");
        u128::from_le_bytes(bytes)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        spawn_local(task);
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(SendWrapper::new(pause(ms)))
    }

    fn run_heavy(&self, work: Box<dyn FnOnce() + Send>) {
        // There is one thread. Answers that are ready go out first.
        spawn_local(async move {
            pause(0).await;
            work();
        });
    }
}
