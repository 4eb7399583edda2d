//! One store brought to the state of another, broken off anywhere and begun again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use database::{Options, SyncProgress, list_objects, sync};
use model::{Error, ErrorKind, Query, Reply};
use storage::needed::{OBJECT_LIST, decode_list};
use storage::{BlobKey, BlobStore, BlobStoreExt, ListOptions, PutIf};
use testkit::{MapStore, block_on};

use crate::world::{Disk, World, at, delete, small, upsert};

type Contents = BTreeMap<u64, i64>;

fn copy(from: &Arc<MapStore>, to: Arc<dyn BlobStore>) -> Result<SyncProgress, Error> {
    let from: Arc<dyn BlobStore> = from.clone();
    block_on(sync(from, to, &|_| {}))
}

/// Two collections: one with parts, an index and a rest that is only in the log, one small.
fn source() -> Arc<MapStore> {
    let store = Arc::new(MapStore::default());
    let world = World::open(store.clone(), 1).unwrap();
    for name in ["a", "b"] {
        world.create(name).unwrap();
    }
    for batch in 0..8 {
        let first = batch as u64 * 20;
        world
            .write("a", vec![upsert(first..first + 30, batch)])
            .unwrap();
    }
    world.host.run_until_idle();
    world
        .write("a", vec![delete(0..5), upsert([7, 900], 9)])
        .unwrap();
    world.write("b", vec![upsert(0..3, 1)]).unwrap();
    store
}

/// Adds to what [`source`] has made, so much that old parts and entries go away.
fn go_on(store: &Arc<MapStore>) {
    let world = World::open(store.clone(), 2).unwrap();
    for batch in 20..40 {
        let first = batch as u64 * 17 % 200;
        world
            .write("a", vec![upsert(first..first + 30, batch)])
            .unwrap();
    }
    world.write("b", vec![upsert(2..6, 2)]).unwrap();
    world.create("c").unwrap();
    world.host.run_until_idle();
    world
        .host
        .block_on({
            let database = Arc::clone(&world.database);
            async move { database.close().await }
        })
        .unwrap();
}

fn contents(store: Arc<dyn BlobStore>, name: &str) -> Contents {
    World::open(store, 3).unwrap().contents(name)
}

/// What a reader of `store` sees, who writes nothing.
fn read(store: &Arc<MapStore>, name: &str) -> Option<Contents> {
    let before = store.keys();
    let options = Options {
        read_only: true,
        ..small()
    };
    let world = World::open_with(store.clone(), 4, options).unwrap();
    let exists = world.query(Query::CollectionExists(at(name))).unwrap();
    let seen = (exists == Reply::Exists(true)).then(|| world.contents(name));
    let refused = world.create("new").unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ReadOnly);
    world.host.run_until_idle();
    assert_eq!(store.keys(), before, "a reader writes nothing");
    seen
}

#[test]
fn a_copy_answers_as_its_source_and_only_what_is_missing_is_copied_again() {
    let (from, to) = (source(), Arc::new(MapStore::default()));
    let first = copy(&from, to.clone()).unwrap();
    assert_eq!(first.copied_objects, first.objects);
    for name in ["a", "b"] {
        assert_eq!(read(&to, name), read(&from, name));
    }
    let again = copy(&from, to.clone()).unwrap();
    assert_eq!(
        (again.copied_objects, again.present_objects),
        (0, first.objects)
    );
    go_on(&from);
    let third = copy(&from, to.clone()).unwrap();
    assert!(third.copied_objects > 0);
    for name in ["a", "b", "c"] {
        assert_eq!(read(&to, name), read(&from, name));
    }
    // The copy is a database of its own, which can be written and then be the source.
    let world = World::open(to.clone(), 5).unwrap();
    world.write("a", vec![upsert(5000..5010, 7)]).unwrap();
    drop(world);
    copy(&to, from.clone()).unwrap();
    assert_eq!(contents(from, "a").get(&5003), Some(&7));
}

#[test]
fn the_list_names_all_that_a_reader_reads() {
    let (from, to) = (source(), Arc::new(MapStore::default()));
    copy(&from, to.clone()).unwrap();
    // A host that serves what is listed, and nothing else.
    let key = BlobKey::new(OBJECT_LIST).unwrap();
    let list = decode_list(&block_on(to.get_all(&key)).unwrap()).unwrap();
    let served = Arc::new(MapStore::default());
    for meta in list {
        let bytes = block_on(to.get_all(&meta.key)).unwrap();
        assert_eq!(bytes.len() as u64, meta.size);
        block_on(served.put(&meta.key, bytes.into(), PutIf::Absent)).unwrap();
    }
    assert_eq!(read(&served, "a"), read(&from, "a"));
    block_on(list_objects(served.clone())).unwrap();
    let again = decode_list(&block_on(served.get_all(&key)).unwrap()).unwrap();
    assert_eq!(again.len() + 1, served.keys().len());
}

#[test]
fn a_copy_that_breaks_off_leaves_an_older_state_and_goes_on() {
    let (from, old) = (source(), Arc::new(MapStore::default()));
    copy(&from, old.clone()).unwrap();
    let before = [read(&from, "a"), read(&from, "b")];
    go_on(&from);
    let after = [read(&from, "a"), read(&from, "b")];
    for death in 0_usize.. {
        let disk = Arc::new(Disk::default());
        for key in old.keys() {
            let key = BlobKey::new(&key).unwrap();
            let bytes = block_on(old.get_all(&key)).unwrap();
            block_on(disk.objects.put(&key, bytes.into(), PutIf::Absent)).unwrap();
        }
        disk.die_at(death, death % 2 == 0);
        let copied = copy(&from, disk.clone());
        disk.restart();
        for (name, states) in ["a", "b"].into_iter().zip(before.iter().zip(&after)) {
            let seen = Some(contents(disk.clone(), name));
            let known = seen == *states.0 || seen == *states.1;
            assert!(
                known || seen.is_some_and(|seen| between(&seen, states)),
                "{name} at {death}"
            );
        }
        if let Ok(copied) = copied {
            let steps = u64::try_from(death).unwrap();
            assert!(steps >= copied.copied_objects, "{steps} of {copied:?}");
            return;
        }
    }
}

/// A state on the way from the first to the second: each point is as one of them has it, or as an
/// entry between them made it.
fn between(seen: &Contents, (before, after): (&Option<Contents>, &Option<Contents>)) -> bool {
    let (before, after) = (before.as_ref().unwrap(), after.as_ref().unwrap());
    let known = |id: &u64| before.contains_key(id) || after.contains_key(id);
    seen.keys().all(known)
        && before
            .keys()
            .filter(|id| after.contains_key(id))
            .all(|id| seen.contains_key(id))
}

#[test]
fn what_the_destination_has_of_its_own_is_not_overwritten() {
    let (from, to) = (source(), Arc::new(MapStore::default()));
    copy(&from, to.clone()).unwrap();
    for (name, store) in [("a", &to), ("b", &from)] {
        let world = World::open(store.clone(), 6).unwrap();
        world.write(name, vec![upsert(70..75, 3)]).unwrap();
    }
    let keys = to.keys();
    let refused = copy(&from, to.clone()).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict, "{refused}");
    assert_eq!(to.keys(), keys);
    // Neither is another database.
    let other = Arc::new(MapStore::default());
    World::open(other.clone(), 7).unwrap().create("a").unwrap();
    assert_eq!(copy(&from, other).unwrap_err().kind, ErrorKind::Conflict);
}

#[test]
fn damage_is_not_copied() {
    let (from, to) = (source(), Arc::new(MapStore::default()));
    let part = from
        .keys()
        .into_iter()
        .find(|key| key.contains("/seg/"))
        .unwrap();
    from.corrupt(&BlobKey::new(&part).unwrap(), 100);
    let refused = copy(&from, to.clone()).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Corrupt);
    assert!(refused.message.contains(&part), "{refused}");
    assert!(!to.keys().contains(&part));
    assert!(!to.keys().contains(&OBJECT_LIST.to_owned()));
}

#[test]
fn progress_grows_to_the_whole() {
    let (from, to) = (source(), Arc::new(MapStore::default()));
    let seen = Mutex::new(Vec::new());
    let watch = |progress: SyncProgress| seen.lock().unwrap().push(progress);
    let source: Arc<dyn BlobStore> = from.clone();
    let done = block_on(sync(source, to.clone(), &watch)).unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted_by_key(|progress| progress.copied_bytes));
    assert_eq!(seen.last(), Some(&done));
    let listed = block_on(to.list(ListOptions::default())).unwrap();
    let objects = listed
        .iter()
        .filter(|meta| meta.key.as_str() != OBJECT_LIST);
    assert_eq!(objects.map(|meta| meta.size).sum::<u64>(), done.bytes);
}
