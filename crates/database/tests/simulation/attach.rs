//! Bytes kept with a collection: durable, collected when nobody needs them, in every copy.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use database::sync;
use model::{
    ArchiveOf, AttachmentKey, AttachmentRange, Command, Error, ErrorKind, Executor, Outcome, Query,
    Reply, SnapshotLocation, SnapshotRecovery, SnapshotScope, Waiting,
};
use storage::{BlobKey, BlobStore, BlobStoreExt, PutIf};
use testkit::{MapStore, block_on};

use crate::world::{Disk, World, at, upsert};

fn key(text: &str) -> AttachmentKey {
    AttachmentKey::new(text).unwrap()
}

fn attach(world: &World, name: &str, content: &[u8]) -> Result<Outcome, Error> {
    world.execute(Command::Attach {
        collection: at("c"),
        key: key(name),
        content: Bytes::copy_from_slice(content),
    })
}

fn detach(world: &World, name: &str) -> Result<Outcome, Error> {
    world.execute(Command::Detach {
        collection: at("c"),
        key: key(name),
    })
}

fn part(world: &World, name: &str, offset: u64, length: Option<u64>) -> Result<Reply, Error> {
    world.query(Query::ReadAttachment {
        collection: at("c"),
        key: key(name),
        range: AttachmentRange { offset, length },
    })
}

fn read(world: &World, name: &str) -> Option<Bytes> {
    match part(world, name, 0, None) {
        Ok(Reply::Attachment(bytes)) => bytes,
        other => panic!("a read was answered with {other:?}"),
    }
}

fn long(seed: u8) -> Vec<u8> {
    (0..100_000_u32).map(|at| (at % 249) as u8 ^ seed).collect()
}

fn files(store: &MapStore) -> Vec<BlobKey> {
    let keys = store.keys().into_iter();
    let files = keys.filter(|key| key.contains("/seg/"));
    files.map(|key| BlobKey::new(&key).unwrap()).collect()
}

#[test]
fn what_is_kept_is_read_whole_and_in_parts_after_a_restart_too() {
    let store = Arc::new(MapStore::default());
    let world = World::open(store.clone(), 1).unwrap();
    world.create("c").unwrap();
    assert_eq!(read(&world, "k"), None);
    assert_eq!(attach(&world, "k", b"hello world"), Ok(Outcome::Done));
    attach(&world, "long", &long(1)).unwrap();
    attach(&world, "long", &long(2)).unwrap();
    attach(&world, "empty", b"").unwrap();
    world.write("c", vec![upsert(0..50, 1)]).unwrap();
    let check = |world: &World| {
        assert_eq!(read(world, "long"), Some(long(2).into()));
        assert_eq!(read(world, "empty"), Some(Bytes::new()));
        for (offset, length, expected) in [
            (0, None, &b"hello world"[..]),
            (6, None, b"world"),
            (6, Some(2), b"wo"),
            (6, Some(u64::MAX), b"world"),
            (11, None, b""),
        ] {
            let found = part(world, "k", offset, length);
            let expected = Reply::Attachment(Some(Bytes::copy_from_slice(expected)));
            assert_eq!(found, Ok(expected), "{offset} {length:?}");
        }
        let beyond = part(world, "k", 12, None).unwrap_err();
        assert_eq!(beyond.kind, ErrorKind::Invalid);
        assert_eq!(part(world, "none", 12, None), Ok(Reply::Attachment(None)));
        assert_eq!(world.contents("c").len(), 50, "points are as they were");
    };
    check(&world);
    // From the log, then from checkpoints.
    for seed in 2..5 {
        let world = World::open(store.clone(), seed).unwrap();
        check(&world);
        world.host.run_until_idle();
    }
    let world = World::open(store, 9).unwrap();
    assert_eq!(detach(&world, "k"), Ok(Outcome::Existed(true)));
    assert_eq!(detach(&world, "k"), Ok(Outcome::Existed(false)));
    assert_eq!(read(&world, "k"), None);
    let missing = world.execute(Command::Attach {
        collection: at("none"),
        key: key("k"),
        content: Bytes::new(),
    });
    assert_eq!(missing.unwrap_err().kind, ErrorKind::NotFound);
}

#[test]
fn what_was_replaced_or_let_go_is_removed() {
    let store = Arc::new(MapStore::default());
    let world = World::open(store.clone(), 1).unwrap();
    world.create("c").unwrap();
    attach(&world, "stays", b"1").unwrap();
    for round in 0..5 {
        attach(&world, "replaced", &long(round)).unwrap();
    }
    attach(&world, "gone", &long(7)).unwrap();
    world.write("c", vec![upsert(0..50, 1)]).unwrap();
    world.host.run_until_idle();
    // A checkpoint names it now.
    detach(&world, "gone").unwrap();
    world.host.run_until_idle();
    let parts = world.info("c").segments as usize;
    assert_eq!(files(&store).len(), parts + 2);
    // By a process that did not write it.
    let world = World::open(store.clone(), 2).unwrap();
    detach(&world, "replaced").unwrap();
    world.host.run_until_idle();
    assert_eq!(files(&store).len(), parts + 1);
    assert_eq!(read(&world, "stays"), Some(Bytes::from_static(b"1")));
    let drop = Command::DropCollection {
        collection: at("c"),
    };
    world.execute(drop).unwrap();
    world.host.run_until_idle();
    assert_eq!(files(&store), []);
}

#[test]
fn a_snapshot_has_what_was_kept_when_it_was_made() {
    let store = Arc::new(MapStore::default());
    let world = World::open(store.clone(), 1).unwrap();
    world.create("c").unwrap();
    world.write("c", vec![upsert(0..30, 1)]).unwrap();
    attach(&world, "a", &long(1)).unwrap();
    attach(&world, "b", b"before").unwrap();
    let scope = SnapshotScope::Collection(at("c"));
    let create = Command::CreateSnapshot {
        scope: scope.clone(),
        waiting: Waiting::UntilDone,
    };
    let Ok(Outcome::Snapshot(info)) = world.execute(create) else {
        panic!("it is kept");
    };
    detach(&world, "a").unwrap();
    attach(&world, "b", b"after").unwrap();
    attach(&world, "c", b"new").unwrap();
    for round in 0..4 {
        world.write("c", vec![upsert(0..60, round)]).unwrap();
        world.host.run_until_idle();
    }
    assert_eq!(read(&world, "a"), None);
    let archive = world.host.block_on({
        let database = Arc::clone(&world.database);
        let (scope, name) = (scope.clone(), info.name.clone());
        async move {
            let mut archive = database.archive(ArchiveOf::Kept { scope, name }).await?;
            while archive.source.next().await?.is_some() {}
            Ok::<_, Error>(archive.bytes)
        }
    });
    assert!(archive.unwrap() > 100_000);
    let recovery = SnapshotRecovery {
        into: scope,
        sha256: None,
        waiting: Waiting::UntilDone,
    };
    let location = SnapshotLocation::Kept(info.name);
    world
        .execute(Command::RecoverSnapshot { recovery, location })
        .unwrap();
    for seed in 2..4 {
        let world = World::open(store.clone(), seed).unwrap();
        assert_eq!(read(&world, "a"), Some(long(1).into()));
        assert_eq!(read(&world, "b"), Some(Bytes::from_static(b"before")));
        assert_eq!(read(&world, "c"), None);
        world.host.run_until_idle();
    }
}

#[test]
fn a_copy_has_what_the_checkpoint_and_the_log_name() {
    let store = Arc::new(MapStore::default());
    let world = World::open(store.clone(), 1).unwrap();
    world.create("c").unwrap();
    attach(&world, "old", &long(1)).unwrap();
    attach(&world, "replaced", b"1").unwrap();
    world.write("c", vec![upsert(0..50, 1)]).unwrap();
    world.host.run_until_idle();
    attach(&world, "replaced", b"2").unwrap();
    attach(&world, "new", b"3").unwrap();
    attach(&world, "gone", b"4").unwrap();
    detach(&world, "gone").unwrap();
    let copy = Arc::new(MapStore::default());
    for _ in 0..2 {
        let (from, to): (Arc<dyn BlobStore>, Arc<dyn BlobStore>) = (store.clone(), copy.clone());
        block_on(sync(from, to, &|_| {})).unwrap();
    }
    let world = World::open(copy, 2).unwrap();
    assert_eq!(read(&world, "old"), Some(long(1).into()));
    assert_eq!(read(&world, "replaced"), Some(Bytes::from_static(b"2")));
    assert_eq!(read(&world, "new"), Some(Bytes::from_static(b"3")));
    assert_eq!(read(&world, "gone"), None);
}

#[test]
fn damage_is_said_aloud() {
    let store = Arc::new(MapStore::default());
    let world = World::open(store.clone(), 1).unwrap();
    world.create("c").unwrap();
    attach(&world, "k", b"hello world").unwrap();
    let [file] = &files(&store)[..] else {
        panic!("there is one file");
    };
    let mut bytes = block_on(store.get_all(file)).unwrap().to_vec();
    bytes[3] ^= 1;
    block_on(store.put(file, bytes.into(), PutIf::Overwrite)).unwrap();
    let damaged = part(&world, "k", 0, None).unwrap_err();
    assert_eq!(damaged.kind, ErrorKind::Corrupt);
    block_on(store.delete(file)).unwrap();
    let missing = part(&world, "k", 0, Some(1)).unwrap_err();
    assert_eq!(missing.kind, ErrorKind::Corrupt);
}

/// Death at every call of the store: what was acknowledged is there, and what was not is there as
/// a whole or not at all.
#[test]
fn what_was_acknowledged_survives_any_death() {
    let steps: [(&str, Option<u8>); 7] = [
        ("a", Some(1)),
        ("b", Some(2)),
        ("a", Some(3)),
        ("b", None),
        ("c", Some(4)),
        ("a", None),
        ("a", Some(5)),
    ];
    let mut deaths = 0;
    for call in 0.. {
        for after in [false, true] {
            let disk = Arc::new(Disk::default());
            let world = World::open(disk.clone(), 1).unwrap();
            world.create("c").unwrap();
            disk.die_at(call, after);
            let mut sure: BTreeMap<&str, u8> = BTreeMap::new();
            let mut pending = None;
            for (name, content) in steps {
                let done = match content {
                    Some(seed) => attach(&world, name, &long(seed)),
                    None => detach(&world, name),
                };
                match (done, content) {
                    (Ok(_), Some(seed)) => drop(sure.insert(name, seed)),
                    (Ok(_), None) => drop(sure.remove(name)),
                    (Err(_), content) => {
                        assert!(disk.is_dead());
                        pending = Some((name, content));
                        break;
                    }
                }
                world.host.run_until_idle();
            }
            let died = disk.is_dead();
            drop(world);
            disk.restart();
            let world = World::open(disk.clone(), 2).unwrap();
            for name in ["a", "b", "c"] {
                let found = read(&world, name);
                let is = |seed: Option<&u8>| found == seed.map(|seed| long(*seed).into());
                let allowed = match &pending {
                    Some((of, content)) if *of == name => {
                        is(sure.get(name)) || is(content.as_ref())
                    }
                    _ => is(sure.get(name)),
                };
                assert!(allowed, "call {call} {after} {name}");
            }
            deaths += usize::from(died);
            if !died {
                assert!(deaths > 50, "{deaths}");
                return;
            }
        }
    }
}
