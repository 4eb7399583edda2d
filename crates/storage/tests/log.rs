//! The log under every row of the failure table: lost acknowledgements, two leaders, sleeping
//! writers, damage, crashes.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bytes::Bytes;
use skerry_storage::log::{EntryDefect, EntryKind, Log, LogError, Nonce, Position, Recovery};
use skerry_storage::{BlobErrorKind, BlobKey, BlobStore, BlobStoreExt, PutIf, Ulid, collect};
use testkit::{Call, Fault, FaultyStore, MapStore, Rule, block_on};

const SHARD: &str = "coll/x";

fn shard() -> BlobKey {
    BlobKey::new(SHARD).unwrap()
}

fn entry_key(n: u64) -> BlobKey {
    BlobKey::new(&format!("{SHARD}/log/{n:020}")).unwrap()
}

fn nonce(n: u64) -> Nonce {
    let mut bytes = [0xEE; 16];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    Nonce(bytes)
}

/// A store over a map, and that map.
fn stores() -> (Arc<MapStore>, Arc<FaultyStore>) {
    let map = Arc::new(MapStore::default());
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&map) as Arc<dyn BlobStore>));
    (map, faulty)
}

async fn recover(store: &Arc<FaultyStore>) -> Result<Recovery, LogError> {
    Log::recover(Arc::clone(store) as Arc<dyn BlobStore>, shard()).await
}

/// Opens the log and returns it with the items that it replayed, those of the checkpoint first.
async fn open(store: &Arc<FaultyStore>) -> (Log, Vec<String>) {
    let Recovery {
        checkpoint,
        mut replay,
        ..
    } = recover(store).await.unwrap();
    let text = checkpoint.map(|c| String::from_utf8(c.payload.to_vec()).unwrap());
    let mut items: Vec<String> = text
        .iter()
        .flat_map(|text| text.split_whitespace())
        .map(String::from)
        .collect();
    while let Some(entry) = replay.next().await.unwrap() {
        items.extend(
            entry
                .items
                .iter()
                .map(|item| String::from_utf8(item.to_vec()).unwrap()),
        );
    }
    (replay.into_log(), items)
}

async fn append(log: &mut Log, item: &str) -> Result<Position, LogError> {
    let n = log.position().n + 1 + item.len() as u64 * 1000;
    let items = vec![Bytes::copy_from_slice(item.as_bytes())];
    log.append(nonce(n), EntryKind::Operations, items).await
}

async fn items(store: &Arc<FaultyStore>) -> Vec<String> {
    open(store).await.1
}

async fn checkpoint(log: &Log, state: &[&str]) {
    let payload = vec![Bytes::from(state.join(" "))];
    log.write_checkpoint(*log.position(), payload)
        .await
        .unwrap();
}

#[test]
fn entries_come_back_in_order_with_their_places() {
    block_on(async {
        let (_, store) = stores();
        let (mut log, found) = open(&store).await;
        assert!(found.is_empty());
        let batch = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        let end = log
            .append(nonce(1), EntryKind::Operations, batch)
            .await
            .unwrap();
        assert_eq!((end.n, end.sequence, end.epoch), (1, 2, 1));
        append(&mut log, "c").await.unwrap();
        let (mut log, found) = open(&store).await;
        assert_eq!(found, ["a", "b", "c"]);
        let end = append(&mut log, "d").await.unwrap();
        assert_eq!(
            (end.n, end.sequence, end.epoch),
            (3, 4, 2),
            "a new opening, a new epoch"
        );
    });
}

#[test]
fn a_long_log_is_read_ahead_without_loss() {
    block_on(async {
        let (_, store) = stores();
        let (mut log, _) = open(&store).await;
        for n in 0..100 {
            append(&mut log, &n.to_string()).await.unwrap();
        }
        let expected: Vec<String> = (0..100).map(|n: u32| n.to_string()).collect();
        assert_eq!(items(&store).await, expected);
    });
}

#[test]
fn a_lost_acknowledgement_is_acknowledged_once() {
    for reported in [BlobErrorKind::Unavailable, BlobErrorKind::Conflict] {
        block_on(async {
            let (_, store) = stores();
            let (mut log, _) = open(&store).await;
            append(&mut log, "a").await.unwrap();
            store.script(Rule::once(Call::Put, "/log/", Fault::LostAck(reported)));
            assert_eq!(append(&mut log, "b").await.unwrap().n, 2, "{reported:?}");
            append(&mut log, "c").await.unwrap();
            assert_eq!(items(&store).await, ["a", "b", "c"]);
        });
    }
}

#[test]
fn a_write_that_did_not_happen_is_tried_again() {
    block_on(async {
        let (_, store) = stores();
        let (mut log, _) = open(&store).await;
        for kind in [BlobErrorKind::Unavailable, BlobErrorKind::Conflict] {
            store.script(Rule::once(Call::Put, "/log/", Fault::Refused(kind)));
        }
        append(&mut log, "a").await.unwrap();
        assert_eq!(items(&store).await, ["a"]);
    });
}

#[test]
fn while_the_store_is_down_nothing_is_acknowledged_and_afterwards_it_is_settled() {
    block_on(async {
        let (_, store) = stores();
        let (mut log, _) = open(&store).await;
        append(&mut log, "a").await.unwrap();
        // The entry is written, and then neither its acknowledgement nor a read comes through.
        let lost = Fault::LostAck(BlobErrorKind::Unavailable);
        store.script(Rule::once(Call::Put, "/log/", lost));
        let down = Fault::Refused(BlobErrorKind::Unavailable);
        store.script(Rule::always(Call::Get, "/log/", down));
        let in_doubt = append(&mut log, "b").await.unwrap_err();
        assert!(
            matches!(in_doubt, LogError::InDoubt { n: 2, .. }),
            "{in_doubt}"
        );
        let refused = append(&mut log, "c").await.unwrap_err();
        assert!(
            matches!(refused, LogError::InDoubt { n: 2, .. }),
            "{refused}"
        );
        assert!(log.settle().await.is_err());
        store.heal();
        assert_eq!(log.settle().await.unwrap().unwrap().n, 2);
        assert_eq!(log.settle().await.unwrap(), None);
        append(&mut log, "d").await.unwrap();
        assert_eq!(items(&store).await, ["a", "b", "d"]);
    });
}

#[test]
fn a_dropped_append_stays_in_doubt() {
    block_on(async {
        let map: Arc<dyn BlobStore> = Arc::new(MapStore::default());
        let store = Arc::new(FaultyStore::interleaved(map));
        let (mut log, _) = open(&store).await;
        for polls in 1..4 {
            let mut dropped = Box::pin(append(&mut log, "x"));
            for _ in 0..polls {
                assert!(futures::poll!(&mut dropped).is_pending());
            }
            drop(dropped);
            assert!(matches!(
                append(&mut log, "y").await,
                Err(LogError::InDoubt { .. })
            ));
            assert_eq!(log.settle().await.unwrap().unwrap().n, polls);
        }
        assert_eq!(items(&store).await, ["x", "x", "x"]);
    });
}

#[test]
fn a_full_store_changes_nothing_and_the_log_goes_on() {
    block_on(async {
        let (_, store) = stores();
        let (mut log, _) = open(&store).await;
        store.script(Rule::once(
            Call::Put,
            "/log/",
            Fault::Refused(BlobErrorKind::Full),
        ));
        let full = append(&mut log, "a").await.unwrap_err();
        assert_eq!(model::Error::from(full).kind, model::ErrorKind::StorageFull);
        assert_eq!(log.settle().await.unwrap(), None, "nothing is in doubt");
        append(&mut log, "b").await.unwrap();
        assert_eq!(items(&store).await, ["b"]);
    });
}

#[test]
fn full_after_an_unclear_attempt_is_in_doubt() {
    block_on(async {
        let (_, store) = stores();
        let (mut log, _) = open(&store).await;
        let refused = Fault::Refused(BlobErrorKind::Unavailable);
        store.script(Rule::once(Call::Put, "/log/", refused));
        store.script(Rule::always(
            Call::Put,
            "/log/",
            Fault::Refused(BlobErrorKind::Full),
        ));
        let error = append(&mut log, "a").await.unwrap_err();
        assert!(matches!(error, LogError::InDoubt { .. }), "{error}");
    });
}

#[test]
fn of_two_leaders_one_wins_and_the_other_can_follow() {
    block_on(async {
        let (_, store) = stores();
        let (mut first, _) = open(&store).await;
        append(&mut first, "a").await.unwrap();
        let (mut second, found) = open(&store).await;
        assert_eq!(found, ["a"]);
        append(&mut second, "bb").await.unwrap();
        let error = append(&mut first, "c").await.unwrap_err();
        assert!(
            matches!(error, LogError::SteppedDown { n: 2, epoch: 2 }),
            "{error}"
        );
        let again = append(&mut first, "c").await.unwrap_err();
        assert!(
            matches!(again, LogError::SteppedDown { n: 2, .. }),
            "{again}"
        );
        let mut replay = first.into_replay().await.unwrap();
        let entry = replay.next().await.unwrap().unwrap();
        assert_eq!(entry.items, ["bb"]);
        assert!(replay.next().await.unwrap().is_none());
        let mut first = replay.into_log();
        assert_eq!(append(&mut first, "c").await.unwrap().epoch, 3);
        assert_eq!(items(&store).await, ["a", "bb", "c"]);
    });
}

#[test]
fn death_before_the_create_leaves_nothing_and_death_after_it_leaves_the_commit() {
    for (fault, expected) in [
        (Fault::CrashBefore, &["a"][..]),
        (Fault::CrashAfter, &["a", "b"]),
    ] {
        block_on(async {
            let (_, store) = stores();
            let (mut log, _) = open(&store).await;
            append(&mut log, "a").await.unwrap();
            store.script(Rule::once(Call::Put, "/log/", fault));
            let error = append(&mut log, "b").await.unwrap_err();
            assert!(matches!(error, LogError::InDoubt { .. }), "{error}");
            drop(log);
            store.heal();
            assert_eq!(items(&store).await, expected, "{fault:?}");
        });
    }
}

#[test]
fn a_checkpoint_shortens_the_replay_and_a_damaged_one_is_passed_over() {
    block_on(async {
        let (map, store) = stores();
        let (mut log, _) = open(&store).await;
        append(&mut log, "a").await.unwrap();
        checkpoint(&log, &["a"]).await;
        let second = append(&mut log, "b").await.unwrap();
        checkpoint(&log, &["a", "b"]).await;
        checkpoint(&log, &["a", "b"]).await;
        append(&mut log, "c").await.unwrap();
        assert_eq!(
            recover(&store)
                .await
                .unwrap()
                .checkpoint
                .unwrap()
                .position
                .n,
            2
        );
        assert_eq!(items(&store).await, ["a", "b", "c"]);

        let newest = BlobKey::new(&format!("{SHARD}/ckpt/{:020}", 2)).unwrap();
        map.corrupt(&newest, 61);
        let recovery = recover(&store).await.unwrap();
        assert_eq!(recovery.checkpoint.unwrap().position.n, 1);
        assert_eq!(recovery.passed_over, std::slice::from_ref(&newest));
        assert_eq!(items(&store).await, ["a", "b", "c"]);
        // Writing the checkpoint of that place again repairs it.
        let payload = vec![Bytes::from_static(b"a b")];
        log.write_checkpoint(second, payload).await.unwrap();
        assert_eq!(
            recover(&store)
                .await
                .unwrap()
                .checkpoint
                .unwrap()
                .position
                .n,
            2
        );
    });
}

#[test]
fn every_damaged_byte_stops_the_replay_at_the_last_good_entry() {
    block_on(async {
        let (map, store) = stores();
        let (mut log, _) = open(&store).await;
        for item in ["a", "b", "c"] {
            append(&mut log, item).await.unwrap();
        }
        let size = map.size(&entry_key(2)).await.unwrap() as usize;
        for at in 0..size {
            map.corrupt(&entry_key(2), at);
            let mut replay = recover(&store).await.unwrap().replay;
            assert_eq!(replay.next().await.unwrap().unwrap().items, ["a"]);
            for _ in 0..2 {
                let Err(LogError::Damaged(damage)) = replay.next().await else {
                    panic!("byte {at} was not found to be damaged");
                };
                assert_eq!(damage.last_good, 1);
            }
            assert_eq!(replay.position().n, 1);
            map.corrupt(&entry_key(2), at);
        }
        assert_eq!(items(&store).await, ["a", "b", "c"], "undamaged again");
    });
}

#[test]
fn a_missing_or_foreign_entry_is_damage() {
    block_on(async {
        let (map, store) = stores();
        let (mut log, _) = open(&store).await;
        for item in ["a", "b", "c"] {
            append(&mut log, item).await.unwrap();
        }
        let second = map.get_all(&entry_key(2)).await.unwrap();
        let defect = async |store: &Arc<FaultyStore>| {
            let mut replay = recover(store).await.unwrap().replay;
            loop {
                match replay.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("the damage was not found"),
                    Err(LogError::Damaged(damage)) => return (damage.last_good, damage.defect),
                    Err(other) => panic!("{other}"),
                }
            }
        };
        map.delete(&entry_key(2)).await.unwrap();
        assert_eq!(defect(&store).await, (1, EntryDefect::Missing));
        // Entry 3 in the place of entry 2.
        let third = map.get_all(&entry_key(3)).await.unwrap();
        map.put(&entry_key(2), third.into(), PutIf::Overwrite)
            .await
            .unwrap();
        assert_eq!(defect(&store).await, (1, EntryDefect::Number(3)));
        // Entry 2 of another history.
        map.delete(&entry_key(2)).await.unwrap();
        map.delete(&entry_key(3)).await.unwrap();
        let (mut other, _) = open(&store).await;
        append(&mut other, "other").await.unwrap();
        append(&mut other, "third").await.unwrap();
        map.put(&entry_key(2), second.into(), PutIf::Overwrite)
            .await
            .unwrap();
        assert_eq!(defect(&store).await, (2, EntryDefect::Parent));
    });
}

#[test]
fn garbage_is_what_lies_before_the_kept_checkpoints() {
    block_on(async {
        let (map, store) = stores();
        let (mut log, _) = open(&store).await;
        let mut state = Vec::new();
        for item in ["a", "b", "c", "d"] {
            append(&mut log, item).await.unwrap();
            state.push(item);
            checkpoint(&log, &state).await;
        }
        append(&mut log, "e").await.unwrap();
        let collected = collect::collect_log(&*store, &shard(), 2).await.unwrap();
        assert_eq!((collected.entries, collected.checkpoints), (3, 2));
        let again = collect::collect_log(&*store, &shard(), 2).await.unwrap();
        assert_eq!((again.entries, again.checkpoints), (0, 0));
        assert_eq!(items(&store).await, ["a", "b", "c", "d", "e"]);
        // The older of the kept checkpoints still serves.
        map.corrupt(
            &BlobKey::new(&format!("{SHARD}/ckpt/{:020}", 4)).unwrap(),
            10,
        );
        assert_eq!(items(&store).await, ["a", "b", "c", "d", "e"]);
        // Without any, the loss is said and nothing is guessed.
        map.corrupt(
            &BlobKey::new(&format!("{SHARD}/ckpt/{:020}", 3)).unwrap(),
            10,
        );
        let error = recover(&store).await.err().unwrap();
        assert!(
            matches!(error, LogError::NoCheckpoint { first_entry: 4 }),
            "{error}"
        );
    });
}

/// A collection of garbage that dies after its first, second, … call of each kind.
#[test]
fn an_interrupted_collection_loses_nothing() {
    for dies_after in 0.. {
        let finished = block_on(async {
            let (_, store) = stores();
            let (mut log, _) = open(&store).await;
            for item in ["a", "b"] {
                append(&mut log, item).await.unwrap();
            }
            checkpoint(&log, &["a", "b"]).await;
            append(&mut log, "c").await.unwrap();
            for call in [Call::List, Call::Get, Call::Put, Call::Delete] {
                let (key, fault) = (String::new(), Fault::CrashAfter);
                store.script(Rule {
                    call,
                    key,
                    after: dies_after,
                    times: 1,
                    fault,
                });
            }
            let finished = collect::collect_log(&*store, &shard(), 1).await.is_ok();
            store.heal();
            assert_eq!(items(&store).await, ["a", "b", "c"]);
            finished
        });
        if finished {
            assert!(dies_after > 1, "the collection was never interrupted");
            return;
        }
    }
}

/// A writer opens the log, sleeps while another writes, checkpoints and collects, and wakes up to
/// a number that is free again.
async fn sleeping_writer(store: &Arc<FaultyStore>) -> Result<Position, LogError> {
    let (mut sleeper, _) = open(store).await;
    let (mut other, _) = open(store).await;
    for item in ["a", "b"] {
        append(&mut other, item).await.unwrap();
    }
    checkpoint(&other, &["a", "b"]).await;
    collect::collect_log(&**store, &shard(), 1).await.unwrap();
    append(&mut sleeper, "lost").await
}

#[test]
fn a_writer_that_slept_through_a_collection_is_told() {
    block_on(async {
        let (_, store) = stores();
        let error = sleeping_writer(&store).await.unwrap_err();
        assert!(
            matches!(error, LogError::Behind { n: 1, boundary: 3 }),
            "{error}"
        );
        let (mut log, found) = open(&store).await;
        assert_eq!(
            found,
            ["a", "b"],
            "the entry below the boundary counts for nobody"
        );
        append(&mut log, "c").await.unwrap();
        assert_eq!(items(&store).await, ["a", "b", "c"]);
    });
}

/// The control: without the boundary the same writer is acknowledged and its entry is lost. It
/// shows that the test above tests something.
#[test]
fn without_the_boundary_the_sleeping_writer_would_lose_its_entry() {
    block_on(async {
        let (_, store) = stores();
        let hidden = Fault::Refused(BlobErrorKind::NotFound);
        store.script(Rule::always(Call::Get, "gc/boundary", hidden));
        sleeping_writer(&store).await.expect("nobody stops it");
        store.heal();
        assert_eq!(items(&store).await, ["a", "b"]);
    });
}

#[test]
fn a_reader_that_slept_through_a_collection_is_told() {
    block_on(async {
        let (_, store) = stores();
        let (mut log, _) = open(&store).await;
        append(&mut log, "a").await.unwrap();
        let mut late = recover(&store).await.unwrap().replay;
        append(&mut log, "b").await.unwrap();
        checkpoint(&log, &["a", "b"]).await;
        collect::collect_log(&*store, &shard(), 1).await.unwrap();
        let error = late.next().await.unwrap_err();
        assert!(
            matches!(error, LogError::Behind { n: 1, boundary: 3 }),
            "{error}"
        );
    });
}

#[test]
fn parts_are_collected_by_age_and_only_when_nothing_names_them() {
    block_on(async {
        let (map, store) = stores();
        let id = |unix_ms, byte| Ulid::new(unix_ms, [byte; 10]);
        let (old, live, young) = (id(1_000, 1), id(1_000, 2), id(9_000, 3));
        for part in [old, live, young] {
            let key = collect::part_key(&shard(), part).unwrap();
            store
                .put(&key, vec![1].into(), PutIf::Absent)
                .await
                .unwrap();
        }
        let foreign = BlobKey::new(&format!("{SHARD}/seg/readme")).unwrap();
        store
            .put(&foreign, vec![1].into(), PutIf::Absent)
            .await
            .unwrap();
        let is_live = |part| part == live;
        let collected = collect::collect_parts(&*store, &shard(), is_live, 10_000, 5_000)
            .await
            .unwrap();
        assert_eq!(collected.parts, 1);
        let left: Vec<String> = map.keys();
        assert_eq!(left.len(), 3);
        assert!(left.iter().all(|key| !key.ends_with(&old.to_string())));
    });
}
