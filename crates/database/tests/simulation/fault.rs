//! Stores that lose answers, fill up, fail, damage bytes, or serve another writer too.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{ErrorKind, Status};
use storage::{BlobErrorKind, BlobKey, BlobStore};
use testkit::{Call, Fault, FaultyStore, MapStore, Rule};

use crate::world::{Disk, World, upsert};

fn faulty() -> (Arc<FaultyStore>, World) {
    let store = Arc::new(FaultyStore::interleaved(Arc::new(MapStore::default())));
    let world = World::open(store.clone(), 5).unwrap();
    world.create("c").unwrap();
    world.write("c", vec![upsert([1], 1)]).unwrap();
    (store, world)
}

#[test]
fn a_lost_acknowledgement_counts_once() {
    for kind in [BlobErrorKind::Unavailable, BlobErrorKind::Conflict] {
        let (store, world) = faulty();
        store.script(Rule::once(Call::Put, "/log/", Fault::LostAck(kind)));
        assert_eq!(world.write("c", vec![upsert([2], 2)]), Ok(2), "{kind:?}");
        assert_eq!(world.write("c", vec![upsert([3], 3)]), Ok(3), "{kind:?}");
        let expected = BTreeMap::from([(1, 1), (2, 2), (3, 3)]);
        assert_eq!(world.contents("c"), expected);
        world.host.crash();
        let world = World::open(store, 6).unwrap();
        assert_eq!(world.contents("c"), expected);
        assert_eq!(world.info("c").operation, 3);
    }
}

#[test]
fn a_full_store_refuses_and_then_works_again() {
    let (store, world) = faulty();
    let full = Fault::Refused(BlobErrorKind::Full);
    store.script(Rule::always(Call::Put, "", full));
    let error = world.write("c", vec![upsert([2], 2)]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::StorageFull);
    assert_eq!(
        world.contents("c"),
        BTreeMap::from([(1, 1)]),
        "nothing has changed"
    );
    let error = world.create("d").unwrap_err();
    assert_eq!(error.kind, ErrorKind::StorageFull);
    store.heal();
    assert_eq!(world.write("c", vec![upsert([3], 3)]), Ok(2));
    world.host.crash();
    let world = World::open(store, 6).unwrap();
    assert_eq!(world.contents("c"), BTreeMap::from([(1, 1), (3, 3)]));
}

#[test]
fn a_store_that_is_down_makes_writes_fail_and_reads_answer() {
    let (store, world) = faulty();
    let down = Fault::Refused(BlobErrorKind::Unavailable);
    store.script(Rule::always(Call::Put, "", down));
    store.script(Rule::always(Call::Get, "", down));
    let before_ms = database::Host::unix_ms(&*world.host);
    for id in [2, 3] {
        let error = world.write("c", vec![upsert([id], 2)]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
    }
    let ms = database::Host::unix_ms(&*world.host) - before_ms;
    assert!(ms < 2_000, "the caller was kept for {ms} ms");
    assert_eq!(world.contents("c"), BTreeMap::from([(1, 1)]));
    store.heal();
    // The first of the two was in doubt: trying again may have committed it, and only it.
    world.write("c", vec![upsert([4], 4)]).unwrap();
    let contents = world.contents("c");
    assert_eq!(contents.get(&4), Some(&4));
    assert_eq!(contents.get(&3), None, "refused at once, so never written");
    world.host.crash();
    let world = World::open(store, 6).unwrap();
    assert_eq!(
        world.contents("c"),
        contents,
        "what is visible is what is durable"
    );
}

#[test]
fn an_entry_in_doubt_becomes_visible_when_it_proves_written() {
    let (store, world) = faulty();
    let lost = Fault::LostAck(BlobErrorKind::Unavailable);
    store.script(Rule::once(Call::Put, "/log/", lost));
    store.script(Rule::always(
        Call::Get,
        "/log/",
        Fault::Refused(BlobErrorKind::Unavailable),
    ));
    let error = world.write("c", vec![upsert([2], 2)]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(
        world.contents("c").get(&2),
        None,
        "not visible while nobody knows"
    );
    store.heal();
    assert_eq!(world.write("c", vec![upsert([3], 3)]), Ok(3));
    assert_eq!(
        world.contents("c"),
        BTreeMap::from([(1, 1), (2, 2), (3, 3)])
    );
}

#[test]
fn of_two_databases_on_one_store_the_second_writer_steps_down() {
    let store: Arc<dyn BlobStore> = Arc::new(MapStore::default());
    let first = World::open(Arc::clone(&store), 1).unwrap();
    first.create("c").unwrap();
    let second = World::open(Arc::clone(&store), 2).unwrap();
    assert_eq!(second.contents("c"), BTreeMap::new());
    first.write("c", vec![upsert([1], 1)]).unwrap();
    let error = second.write("c", vec![upsert([2], 2)]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ReadOnly);
    let error = second.write("c", vec![upsert([3], 3)]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ReadOnly, "and stays so");
    assert!(matches!(second.info("c").status, Status::ReadOnly(_)));
    assert_eq!(second.contents("c"), BTreeMap::new(), "reads still answer");
    first.write("c", vec![upsert([4], 4)]).unwrap();
    assert_eq!(
        second.create("d").map(drop),
        Ok(()),
        "nobody else changed the catalog"
    );
    assert_eq!(first.create("e").unwrap_err().kind, ErrorKind::ReadOnly);
    let third = World::open(store, 3).unwrap();
    assert_eq!(third.contents("c"), BTreeMap::from([(1, 1), (4, 4)]));
}

fn log_keys(disk: &Disk) -> Vec<BlobKey> {
    let keys = disk.objects.keys();
    let log = keys
        .iter()
        .filter(|key| key.starts_with("coll/") && key.contains("/log/"));
    log.map(|key| BlobKey::new(key).unwrap()).collect()
}

#[test]
fn a_damaged_log_entry_leaves_what_came_before_and_takes_no_writes() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    world.create("c").unwrap();
    for id in 1..=4 {
        world.write("c", vec![upsert([id], id as i64)]).unwrap();
    }
    world.host.crash();
    disk.objects.corrupt(&log_keys(&disk)[2], 90);
    let world = World::open(disk.clone(), 2).unwrap();
    assert_eq!(world.contents("c"), BTreeMap::from([(1, 1), (2, 2)]));
    let Status::ReadOnly(reason) = world.info("c").status else {
        panic!("a damaged collection says so: {:?}", world.info("c").status);
    };
    assert!(reason.contains("entry 3"), "{reason}");
    let error = world.write("c", vec![upsert([9], 9)]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ReadOnly);
    assert_eq!(
        world.create("other").map(drop),
        Ok(()),
        "others are not affected"
    );
    world.host.run_until_idle();
}

#[test]
fn a_damaged_part_file_is_told_and_nothing_is_guessed() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    world.create("c").unwrap();
    world.write("c", vec![upsert(0..60, 1)]).unwrap();
    world.host.run_until_idle();
    world.host.crash();
    let keys = disk.objects.keys();
    let part = keys.iter().find(|key| key.contains("/seg/")).unwrap();
    disk.objects.corrupt(&BlobKey::new(part).unwrap(), 3);
    let world = World::open(disk, 2).unwrap();
    let error = world.write("c", vec![upsert([1], 2)]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    world.create("other").unwrap();
    assert!(world.write("other", vec![upsert([1], 1)]).is_ok());
}
