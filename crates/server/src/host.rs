//! What the database and the gateway ask of a native process: clocks, chance, tasks, threads.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use app::model::{ByteSource, Error, SnapshotLocation};
use app::{BoxFuture, Clock, Host};
use tokio::runtime::Handle;

/// How much more willingly than requests heavy work gives way, 0 to 19.
const HEAVY_NICENESS: i32 = 19;

/// A tokio runtime, the system's clocks and its randomness.
pub struct NativeHost {
    runtime: Handle,
    started: Instant,
}

impl NativeHost {
    /// On the runtime of the caller.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new() -> Self {
        Self {
            runtime: Handle::current(),
            started: Instant::now(),
        }
    }
}

impl Default for NativeHost {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for NativeHost {
    fn now_micros(&self) -> u64 {
        // Wraps after half a million years.
        self.started.elapsed().as_micros() as u64
    }

    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_millis() as u64)
    }
}

impl Host for NativeHost {
    fn unix_ms(&self) -> u64 {
        Clock::unix_ms(self)
    }

    fn monotonic_us(&self) -> u64 {
        self.now_micros()
    }

    fn random(&self) -> u128 {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system has a source of randomness");
        u128::from_le_bytes(bytes)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.runtime.spawn(task);
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
    }

    fn run_heavy(&self, work: Box<dyn FnOnce() + Send>) {
        // A thread each: such work is rare and long, and the database bounds how much runs at
        // once. Threads that the work starts inherit the priority.
        let thread = std::thread::Builder::new().name("skerry-heavy".into());
        let spawned = thread.spawn(move || {
            if let Err(error) = rustix::process::nice(HEAVY_NICENESS) {
                tracing::debug!(%error, "heavy work runs at normal priority");
            }
            work();
        });
        // The work is lost with the closure, and with it what waits for its result is told so.
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread for heavy work");
        }
    }

    fn fetch(
        &self,
        location: SnapshotLocation,
    ) -> BoxFuture<'static, Result<Box<dyn ByteSource>, Error>> {
        Box::pin(crate::fetch::open(location))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn heavy_work_gives_way() {
        let (sender, receiver) = mpsc::channel();
        let host = NativeHost::new();
        host.run_heavy(Box::new(move || {
            // Adding nothing tells the niceness.
            sender.send(rustix::process::nice(0).unwrap()).unwrap();
        }));
        let heavy = tokio::task::spawn_blocking(move || receiver.recv().unwrap())
            .await
            .unwrap();
        assert_eq!(heavy, HEAVY_NICENESS);
        assert!(
            rustix::process::nice(0).unwrap() < HEAVY_NICENESS,
            "other threads are untouched"
        );
    }

    #[tokio::test]
    async fn clocks_go_forward_and_chance_differs() {
        let host = NativeHost::new();
        let before = host.monotonic_us();
        host.sleep(2).await;
        assert!(host.monotonic_us() >= before + 2_000);
        assert!(Host::unix_ms(&host) > 1_700_000_000_000);
        assert_ne!(host.random(), host.random());
    }
}
