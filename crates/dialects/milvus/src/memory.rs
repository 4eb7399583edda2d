//! What the dialect remembers until the process ends.

use std::any::Any;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use gateway::Call;

/// What the dialect remembers until the process ends.
#[derive(Default)]
pub(crate) struct Remembered {
    /// The last id that was given away.
    last_id: Mutex<u64>,
    /// Whether a setting was changed that counts from the next start on.
    pub(crate) restart_required: AtomicBool,
}

impl Remembered {
    /// What is remembered in the gateway of `call`.
    pub(crate) fn of<'a>(call: &'a Call<'_>) -> &'a Self {
        let memory: &dyn Any = call.memory;
        memory
            .downcast_ref()
            .expect("the memory of this dialect is of its own making")
    }

    /// The first of `count` ids in a row, none of them given away before and none below `floor`.
    pub(crate) fn take_ids(&self, floor: u64, count: u64) -> u64 {
        // The number is whole whoever panicked while holding it.
        let mut last = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        let first = floor.max(last.saturating_add(1));
        *last = first.saturating_add(count).saturating_sub(1);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_even_when_the_clock_does_not() {
        let memory = Remembered::default();
        assert_eq!(memory.take_ids(100, 5), 100);
        assert_eq!(memory.take_ids(100, 1), 105);
        assert_eq!(memory.take_ids(50, 1), 106);
        assert_eq!(memory.take_ids(200, 1), 200);
    }
}
