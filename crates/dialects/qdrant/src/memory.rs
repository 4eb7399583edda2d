//! What the dialect remembers between requests, until the process ends: hints, rates, and which
//! resources are used up.

use std::any::Any;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gateway::{Call, Resources};

use crate::hints::Hints;
use crate::quotas::Latch;
use crate::strict::Rates;

/// Memory and disk change slowly, and finding out costs a system call.
const RESOURCES_MICROS: u64 = 1_000_000;

/// What the dialect remembers between requests.
#[derive(Default)]
pub(crate) struct Remembered {
    hints: Mutex<Hints>,
    rates: Mutex<Rates>,
    latch: Mutex<Latch>,
    /// As they were at a moment of the host's clock.
    resources: Mutex<Option<(u64, Resources)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whatever is half done under these locks makes a number wrong and nothing else.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Remembered {
    /// What is remembered in the gateway of `call`.
    pub(crate) fn of<'a>(call: &'a Call<'_>) -> &'a Self {
        let memory: &dyn Any = call.memory;
        memory
            .downcast_ref()
            .expect("the memory of this dialect is of its own making")
    }

    /// Hints that nobody has cleared.
    pub(crate) fn hints(&self) -> MutexGuard<'_, Hints> {
        lock(&self.hints)
    }

    /// What is left of the rates that collections set to themselves.
    pub(crate) fn rates(&self) -> MutexGuard<'_, Rates> {
        lock(&self.rates)
    }

    /// Which quotas were reached and not left again.
    pub(crate) fn latch(&self) -> MutexGuard<'_, Latch> {
        lock(&self.latch)
    }

    /// Memory and disk, at most a second old.
    pub(crate) fn resources(call: &Call<'_>) -> Resources {
        let now = call.context.clock.now_micros();
        let mut known = lock(&Self::of(call).resources);
        match *known {
            Some((at, resources)) if now.saturating_sub(at) < RESOURCES_MICROS => resources,
            Some(_) | None => {
                let resources = call.context.metrics.resources();
                *known = Some((now, resources));
                resources
            }
        }
    }
}

/// `used` as a share of `total`, in whole percent rounded down; `None` when either is unknown.
pub(crate) fn percent(used: Option<u64>, total: Option<u64>) -> Option<u8> {
    let (used, total) = (u128::from(used?), u128::from(total.filter(|n| *n > 0)?));
    u8::try_from((used * 100 / total).min(100)).ok()
}
