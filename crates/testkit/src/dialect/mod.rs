//! What tests of a dialect need: an executor that records what it is asked and answers from fixed
//! collections, a gateway over it, and files of requests.

mod answers;
mod archives;
mod exchange;
mod hostile;
mod world;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use gateway::{Build, Clock, Config, Context, Dialect, Gateway, Listener, MetricsSource, Mount};

pub use exchange::{exchange, requests, routes_without};
pub use hostile::hostile_json;
pub use world::{World, WorldCollection};

/// Stands still.
pub struct Stopped;

impl Clock for Stopped {
    fn now_micros(&self) -> u64 {
        0
    }

    fn unix_ms(&self) -> u64 {
        0
    }
}

/// Has little to tell.
pub struct Silent;

impl MetricsSource for Silent {
    fn metrics(&self) -> String {
        "# TYPE host_fact gauge\nhost_fact 1\n".into()
    }

    fn is_ready(&self) -> bool {
        true
    }
}

/// A gateway over `world` with nothing but `dialect`, at the root.
///
/// # Panics
/// When the routes of the dialect conflict.
pub fn listener(dialect: &'static dyn Dialect, world: Arc<World>, config: Config) -> Listener {
    let context = Context {
        clock: Arc::new(Stopped),
        metrics: Arc::new(Silent),
        build: Build::default(),
        files: None,
    };
    let gateway = Gateway::new(world, &[dialect], context, config);
    let listener = gateway.listener(Mount::Only(dialect.name()));
    listener.expect("the dialect is mounted")
}

/// The value of a future that never waits.
///
/// # Panics
/// When it waits.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = TaskContext::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}
