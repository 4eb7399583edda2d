//! Writers, sleepers and a collector in every order that a scheduler of polls can make: no
//! acknowledged entry is lost, none is applied twice.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use skerry_storage::log::{EntryKind, Log, LogError, Nonce, Recovery};
use skerry_storage::{BlobErrorKind, BlobKey, BlobStore, collect};
use testkit::{Call, Fault, FaultyStore, MapStore, Rule, Task, block_on, interleave};

/// What became of one attempt to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Acknowledged,
    /// The log said that it was not written and never will be.
    Refused,
    Unknown,
}

#[derive(Default)]
struct World {
    fates: RefCell<Vec<(u32, Fate)>>,
    nonces: RefCell<u64>,
}

impl World {
    fn nonce(&self) -> Nonce {
        let mut next = self.nonces.borrow_mut();
        *next += 1;
        let mut bytes = [7; 16];
        bytes[..8].copy_from_slice(&next.to_le_bytes());
        Nonce(bytes)
    }
}

fn shard() -> BlobKey {
    BlobKey::new("s").unwrap()
}

fn numbers(bytes: &Bytes) -> Vec<u32> {
    bytes
        .chunks(4)
        .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

fn encoded(numbers: &[u32]) -> Bytes {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// The log and the state that it gives; starts again when the collector overtakes it.
async fn open(store: &Arc<dyn BlobStore>) -> Option<(Log, Vec<u32>)> {
    'again: for _ in 0..20 {
        let recovery = Log::recover(Arc::clone(store), shard()).await;
        let Ok(Recovery {
            checkpoint,
            mut replay,
            ..
        }) = recovery
        else {
            continue;
        };
        let mut state = checkpoint.map(|c| numbers(&c.payload)).unwrap_or_default();
        loop {
            match replay.next().await {
                Ok(Some(entry)) => state.extend(entry.items.iter().flat_map(numbers)),
                Ok(None) => return Some((replay.into_log(), state)),
                Err(LogError::Behind { .. } | LogError::Store(_)) => continue 'again,
                Err(other) => panic!("a healthy log was found damaged: {other}"),
            }
        }
    }
    None
}

async fn append(world: &World, log: &mut Log, item: u32) -> Fate {
    let items = vec![encoded(&[item])];
    let mut outcome = log
        .append(world.nonce(), EntryKind::Operations, items)
        .await
        .map(|_| ());
    for _ in 0..3 {
        if !matches!(outcome, Err(LogError::InDoubt { .. })) {
            break;
        }
        outcome = log.settle().await.map(|end| assert!(end.is_some()));
    }
    match outcome {
        Ok(()) => Fate::Acknowledged,
        Err(LogError::SteppedDown { .. } | LogError::Store(_)) => Fate::Refused,
        Err(LogError::InDoubt { .. } | LogError::Behind { .. }) => Fate::Unknown,
        Err(other) => panic!("a healthy log failed: {other}"),
    }
}

/// Writes `count` items and starts again from the store after each that was not acknowledged. Every
/// third write is followed by a checkpoint and a collection.
async fn writer(world: &World, store: Arc<dyn BlobStore>, first: u32, count: u32) {
    let mut opened = open(&store).await;
    for item in first..first + count {
        let Some((log, state)) = &mut opened else {
            opened = open(&store).await;
            continue;
        };
        let fate = append(world, log, item).await;
        world.fates.borrow_mut().push((item, fate));
        if fate != Fate::Acknowledged {
            opened = open(&store).await;
            continue;
        }
        state.push(item);
        if item % 3 == 0 {
            let payload = vec![encoded(state)];
            if log.write_checkpoint(*log.position(), payload).await.is_ok() {
                // Whether it succeeds does not matter to what is safe.
                let _ = collect::collect_log(&*store, &shard(), 1).await;
            }
        }
    }
}

fn run(choices: &[usize], faults: &[(usize, u8)]) {
    let map: Arc<dyn BlobStore> = Arc::new(MapStore::default());
    let faulty = Arc::new(FaultyStore::interleaved(Arc::clone(&map)));
    for &(after, kind) in faults {
        let fault = match kind % 4 {
            0 => Fault::LostAck(BlobErrorKind::Unavailable),
            1 => Fault::LostAck(BlobErrorKind::Conflict),
            2 => Fault::Refused(BlobErrorKind::Unavailable),
            _ => Fault::Delayed(40),
        };
        faulty.script(Rule {
            call: Call::Put,
            key: String::new(),
            after,
            times: 1,
            fault,
        });
    }
    let world = World::default();
    let store = faulty as Arc<dyn BlobStore>;
    let tasks: Vec<Task<'_>> = (0..3)
        .map(|at| Box::pin(writer(&world, Arc::clone(&store), 100 * (at + 1), 8)) as Task<'_>)
        .collect();
    interleave(tasks, choices.iter().copied());

    let (_, state) = block_on(open(&map)).expect("a store at rest can be opened");
    for (item, fate) in world.fates.into_inner() {
        let times = state.iter().filter(|&&found| found == item).count();
        let allowed = match fate {
            Fate::Acknowledged => 1..=1,
            Fate::Refused => 0..=0,
            Fate::Unknown => 0..=1,
        };
        assert!(
            allowed.contains(&times),
            "item {item} was {fate:?} and is there {times} times"
        );
    }
    let mut distinct = state.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), state.len(), "an item was applied twice");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acknowledged_is_lost_or_doubled(
        choices in prop::collection::vec(0_usize..3, 0..2500),
        faults in prop::collection::vec((0_usize..12, any::<u8>()), 0..5),
    ) {
        run(&choices, &faults);
    }

    /// One task runs for long while the others sleep: what real pauses look like.
    #[test]
    fn long_sleeps_are_survived(
        runs in prop::collection::vec((0_usize..3, 1_usize..400), 0..30),
        faults in prop::collection::vec((0_usize..12, any::<u8>()), 0..3),
    ) {
        let choices: Vec<usize> =
            runs.iter().flat_map(|&(task, polls)| std::iter::repeat_n(task, polls)).collect();
        run(&choices, &faults);
    }
}
