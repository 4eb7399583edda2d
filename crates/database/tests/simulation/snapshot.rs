//! Snapshots: one state each, kept and brought back whatever happens meanwhile.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use model::{
    AliasChange, ArchiveOf, BoxFuture, ByteSource, Command, DatabaseName, Error, ErrorKind,
    Executor, FieldIndex, FieldKind, FieldPath, IndexParams, Object, Outcome, Query, Reply,
    SnapshotInfo, SnapshotLocation, SnapshotRecovery, SnapshotScope, Waiting, WriteOp,
};
use storage::{BlobErrorKind, BlobKey};
use testkit::{Call, Fault, FaultyStore, MapStore, Rule};

use crate::world::{Disk, World, at, delete, upsert, write};

fn of(name: &str) -> SnapshotScope {
    SnapshotScope::Collection(at(name))
}

fn all() -> SnapshotScope {
    SnapshotScope::Database(DatabaseName::default())
}

fn keep(world: &World, scope: SnapshotScope) -> Result<SnapshotInfo, Error> {
    let waiting = Waiting::UntilDone;
    match world.execute(Command::CreateSnapshot { scope, waiting })? {
        Outcome::Snapshot(info) => Ok(info),
        other => panic!("a snapshot was answered with {other:?}"),
    }
}

fn let_go(world: &World, scope: SnapshotScope, name: &str) -> Result<Outcome, Error> {
    let name = name.to_owned();
    world.execute(Command::DeleteSnapshot { scope, name })
}

fn list(world: &World, scope: SnapshotScope) -> Vec<SnapshotInfo> {
    match world.query(Query::ListSnapshots(scope)) {
        Ok(Reply::Snapshots(snapshots)) => snapshots,
        other => panic!("a list was answered with {other:?}"),
    }
}

/// The archive as one piece.
fn read(world: &World, of: ArchiveOf) -> Result<Vec<u8>, Error> {
    let database = Arc::clone(&world.database);
    world.host.block_on(async move {
        let mut archive = database.archive(of).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = archive.source.next().await? {
            bytes.extend_from_slice(&piece);
        }
        assert_eq!(
            bytes.len() as u64,
            archive.bytes,
            "the length is as announced"
        );
        Ok(bytes)
    })
}

fn kept(scope: SnapshotScope, info: &SnapshotInfo) -> ArchiveOf {
    let name = info.name.clone();
    ArchiveOf::Kept { scope, name }
}

/// An archive in pieces of odd sizes.
struct Pieces(VecDeque<Bytes>);

impl Pieces {
    fn of(archive: &[u8]) -> Box<dyn ByteSource> {
        Box::new(Self(
            archive.chunks(777).map(Bytes::copy_from_slice).collect(),
        ))
    }
}

impl ByteSource for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        let piece = self.0.pop_front();
        Box::pin(async move { Ok(piece) })
    }
}

fn into(scope: SnapshotScope) -> SnapshotRecovery {
    SnapshotRecovery {
        into: scope,
        sha256: None,
        waiting: Waiting::UntilDone,
    }
}

fn recover(world: &World, how: SnapshotRecovery, archive: &[u8]) -> Result<Outcome, Error> {
    let (database, source) = (Arc::clone(&world.database), Pieces::of(archive));
    world
        .host
        .block_on(async move { database.recover(how, source).await })
}

fn index(path: &str) -> WriteOp {
    WriteOp::CreateIndex(FieldIndex {
        path: FieldPath::parse(path).unwrap(),
        params: IndexParams {
            text: model::TextOptions::default(),
            kind: FieldKind::Integer,
            attributes: Object::new(),
        },
    })
}

/// A collection with sealed and growing rows, deleted ones and an index.
fn fill(world: &World, name: &str) -> BTreeMap<u64, i64> {
    world.create(name).unwrap();
    world.write(name, vec![index("batch")]).unwrap();
    let mut expected = BTreeMap::new();
    for round in 0..6 {
        let ids = (0..25).map(|i| round * 11 + i);
        world
            .write(name, vec![upsert(ids.clone(), round as i64)])
            .unwrap();
        expected.extend(ids.map(|id| (id, round as i64)));
        world.host.run_until_idle();
    }
    world
        .write(name, vec![delete(3..20), upsert([500, 501], 7)])
        .unwrap();
    expected.retain(|id, _| !(3..20).contains(id));
    expected.extend([(500, 7), (501, 7)]);
    expected
}

fn keys(disk: &Disk) -> BTreeSet<String> {
    disk.objects.keys().into_iter().collect()
}

#[test]
fn a_snapshot_is_the_state_of_one_moment_and_comes_back_anywhere() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    let expected = fill(&world, "c");
    let before = world.info("c");
    let info = keep(&world, of("c")).unwrap();
    assert_eq!(list(&world, of("c")), std::slice::from_ref(&info));
    assert!(
        list(&world, all()).is_empty(),
        "each scope has its own list"
    );
    // Everything changes, and what the snapshot is made of is rewritten.
    for round in 10..20 {
        world.write("c", vec![upsert(0..200, round)]).unwrap();
        world.host.run_until_idle();
    }
    world.host.crash();
    let world = World::open(disk.clone(), 2).unwrap();
    world.host.run_until_idle();
    assert_eq!(list(&world, of("c")), std::slice::from_ref(&info));
    let archive = read(&world, kept(of("c"), &info)).unwrap();
    assert_eq!(archive.len() as u64, info.bytes);
    let checked = SnapshotRecovery {
        sha256: Some(info.sha256),
        ..into(of("c"))
    };
    assert_eq!(recover(&world, checked, &archive), Ok(Outcome::Done));
    assert_eq!(
        recover(&world, into(of("new")), &archive),
        Ok(Outcome::Done)
    );
    for name in ["c", "new"] {
        assert_eq!(world.contents(name), expected, "{name}");
        let after = world.info(name);
        assert_eq!(after.schema, before.schema);
        assert_eq!(after.operation, before.operation);
        assert_eq!(after.index_points, before.index_points);
    }
    // And they go on from there, each for itself.
    world.write("new", vec![upsert([9999], 1)]).unwrap();
    world.host.run_until_idle();
    world.host.crash();
    let world = World::open(disk, 3).unwrap();
    assert_eq!(world.contents("c"), expected);
    assert_eq!(world.contents("new").len(), expected.len() + 1);
}

#[test]
fn another_store_takes_what_this_one_gave() {
    let here = World::open(Arc::new(Disk::default()), 1).unwrap();
    let expected = fill(&here, "c");
    let present = read(&here, ArchiveOf::Present(of("c"))).unwrap();
    assert!(list(&here, of("c")).is_empty(), "the present is not kept");
    let disk = Arc::new(Disk::default());
    let there = World::open(disk.clone(), 2).unwrap();
    recover(&there, into(of("c")), &present).unwrap();
    there.host.crash();
    let there = World::open(disk, 3).unwrap();
    assert_eq!(there.contents("c"), expected);
}

#[test]
fn everything_comes_back_as_it_was_with_its_aliases() {
    let world = World::open(Arc::new(Disk::default()), 1).unwrap();
    let alias = |alias: &str, collection: &str| {
        let changes = vec![AliasChange::Create {
            alias: at(alias).name,
            collection: at(collection).name,
        }];
        let database = DatabaseName::default();
        world
            .execute(Command::ChangeAliases { database, changes })
            .unwrap();
    };
    let expected = fill(&world, "a");
    world.create("empty").unwrap();
    alias("live", "a");
    let info = keep(&world, all()).unwrap();
    world
        .execute(Command::DropCollection {
            collection: at("a"),
        })
        .unwrap();
    world.create("later").unwrap();
    alias("live", "later");
    world.host.run_until_idle();
    let archive = read(&world, kept(all(), &info)).unwrap();
    recover(&world, into(all()), &archive).unwrap();
    let names = world.query(Query::ListCollections(DatabaseName::default()));
    assert_eq!(
        names,
        Ok(Reply::Collections(vec![at("a").name, at("empty").name]))
    );
    assert_eq!(world.contents("live"), expected);
    assert_eq!(world.contents("empty"), BTreeMap::new());
    // One does not fit into the other.
    for (scope, archive) in [
        (of("a"), archive),
        (all(), read(&world, ArchiveOf::Present(of("a"))).unwrap()),
    ] {
        let refused = recover(&world, into(scope), &archive).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid);
    }
    assert_eq!(world.contents("a"), expected);
}

#[test]
fn a_snapshot_outlives_its_collection_and_nothing_outlives_the_snapshot() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    world.create("other").unwrap();
    let expected = fill(&world, "c");
    let info = keep(&world, of("c")).unwrap();
    world
        .execute(Command::DropCollection {
            collection: at("c"),
        })
        .unwrap();
    world.host.run_until_idle();
    world.create("c").unwrap();
    let archive = read(&world, kept(of("c"), &info)).unwrap();
    recover(&world, into(of("c")), &archive).unwrap();
    assert_eq!(world.contents("c"), expected);
    world
        .execute(Command::DropCollection {
            collection: at("c"),
        })
        .unwrap();
    world.create("c").unwrap();
    assert_eq!(let_go(&world, of("c"), &info.name), Ok(Outcome::Done));
    let again = let_go(&world, of("c"), &info.name).unwrap_err();
    assert_eq!(again.kind, ErrorKind::NotFound);
    world.host.run_until_idle();
    let left = keys(&disk);
    let stray: Vec<_> = left
        .iter()
        .filter(|key| !key.starts_with("catalog/"))
        .collect();
    assert!(stray.is_empty(), "{stray:?}");
}

#[test]
fn a_snapshot_copies_only_what_is_in_no_object_yet() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    let expected = fill(&world, "c");
    world.host.run_until_idle();
    let before = keys(&disk);
    let info = keep(&world, of("c")).unwrap();
    let added: Vec<_> = keys(&disk).difference(&before).cloned().collect();
    let added: Vec<_> = added
        .iter()
        .filter(|key| key.starts_with("snap/"))
        .collect();
    assert_eq!(added.len(), 1, "all rows are sealed: {added:?}");
    assert!(added[0].ends_with("/manifest"));
    world.write("c", vec![upsert([700], 7)]).unwrap();
    let second = keep(&world, of("c")).unwrap();
    let parts = |name: &str| keys(&disk).iter().filter(|key| key.contains(name)).count();
    assert!(
        parts("snap/") > 2,
        "growing rows are written for the snapshot"
    );
    let_go(&world, of("c"), &info.name).unwrap();
    let_go(&world, of("c"), &second.name).unwrap();
    world.host.run_until_idle();
    assert_eq!(parts("snap/"), 0);
    assert_eq!(world.contents("c").len(), expected.len() + 1);
}

#[test]
fn a_download_ends_though_its_snapshot_is_deleted() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    let expected = fill(&world, "c");
    let info = keep(&world, of("c")).unwrap();
    let database = Arc::clone(&world.database);
    let of_kept = kept(of("c"), &info);
    let mut archive = world
        .host
        .block_on(async move { database.archive(of_kept).await })
        .unwrap();
    world
        .execute(Command::DropCollection {
            collection: at("c"),
        })
        .unwrap();
    world.create("c").unwrap();
    let_go(&world, of("c"), &info.name).unwrap();
    world.host.run_until_idle();
    let bytes = world.host.block_on(async move {
        let mut bytes = Vec::new();
        while let Some(piece) = archive.source.next().await.unwrap() {
            bytes.extend_from_slice(&piece);
        }
        bytes
    });
    recover(&world, into(of("c")), &bytes).unwrap();
    assert_eq!(world.contents("c"), expected);
    world.host.run_until_idle();
    let left = keys(&disk);
    assert!(!left.iter().any(|key| key.starts_with("snap/")), "{left:?}");
    let owners = left
        .iter()
        .filter_map(|key| key.strip_prefix("coll/")?.split('/').next());
    assert_eq!(
        owners.collect::<BTreeSet<_>>().len(),
        1,
        "only what is there now"
    );
}

#[test]
fn writes_go_on_while_a_snapshot_is_taken() {
    for seed in 0..20 {
        let world = World::open(Arc::new(Disk::default()), seed).unwrap();
        world.create("c").unwrap();
        let acknowledged = Arc::new(Mutex::new(0));
        let (database, counter) = (Arc::clone(&world.database), Arc::clone(&acknowledged));
        database::Host::spawn(
            &*world.host,
            Box::pin(async move {
                for round in 1..60 {
                    let ids = (0..4).map(|i| round as u64 * 4 + i);
                    let written = database.execute(write("c", vec![upsert(ids, round)])).await;
                    written.unwrap();
                    *counter.lock().unwrap() = round;
                }
            }),
        );
        world.host.run_steps(40 * seed as usize);
        let before = *acknowledged.lock().unwrap();
        let info = keep(&world, of("c")).unwrap();
        let after = *acknowledged.lock().unwrap();
        world.host.run_until_idle();
        let archive = read(&world, kept(of("c"), &info)).unwrap();
        recover(&world, into(of("copy")), &archive).unwrap();
        let copy = world.contents("copy");
        let rounds = copy.len() as i64 / 4;
        assert!(
            (before..=after + 1).contains(&rounds),
            "{before} {rounds} {after}"
        );
        let whole =
            (1..=rounds).flat_map(|round| (0..4).map(move |i| (round as u64 * 4 + i, round)));
        assert_eq!(copy, whole.collect(), "a state that was, seed {seed}");
        assert_eq!(world.contents("c").len(), 59 * 4);
    }
}

#[test]
fn a_bad_archive_changes_nothing() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    let expected = fill(&world, "c");
    world.host.run_until_idle();
    let archive = read(&world, ArchiveOf::Present(of("c"))).unwrap();
    world.host.run_until_idle();
    let before = keys(&disk);
    let refused = |archive: &[u8], what: &str| {
        let error = recover(&world, into(of("c")), archive).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{what}: {error}");
        let error = recover(&world, into(of("new")), archive).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{what}: {error}");
        world.host.run_until_idle();
    };
    let step = archive.len() / 60;
    for cut in (0..archive.len()).step_by(step).chain([archive.len() - 1]) {
        refused(&archive[..cut], &format!("cut after {cut} bytes"));
    }
    for place in (0..archive.len()).step_by(step) {
        let mut changed = archive.clone();
        changed[place] ^= 0x10;
        refused(&changed, &format!("byte {place} changed"));
    }
    let mut longer = archive.clone();
    longer.extend([0; 512]);
    longer.push(1);
    refused(&longer, "something follows");
    refused(b"no archive at all", "no archive");
    refused(&[b'x'; 4096], "no archive");
    let checked = SnapshotRecovery {
        sha256: Some([1; 32]),
        ..into(of("c"))
    };
    let error = recover(&world, checked, &archive).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("checksum mismatch"), "{error}");
    world.host.run_until_idle();
    assert_eq!(world.contents("c"), expected);
    let strays = |keys: BTreeSet<String>| -> Vec<String> {
        keys.into_iter()
            .filter(|key| !key.starts_with("catalog/"))
            .collect()
    };
    assert_eq!(
        strays(keys(&disk)),
        strays(before),
        "nothing is left behind"
    );
    let missing = Query::CollectionExists(at("new"));
    assert_eq!(world.query(missing), Ok(Reply::Exists(false)));
}

#[test]
fn vectors_of_an_existing_collection_do_not_change() {
    let world = World::open(Arc::new(Disk::default()), 1).unwrap();
    fill(&world, "c");
    let archive = read(&world, ArchiveOf::Present(of("c"))).unwrap();
    let schema = model::Schema::default();
    let collection = at("other");
    world
        .execute(Command::CreateCollection { collection, schema })
        .unwrap();
    let error = recover(&world, into(of("other")), &archive).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(
        error.message.starts_with("Snapshot is not compatible"),
        "{error}"
    );
}

#[test]
fn a_kept_snapshot_is_recovered_by_its_name_and_shards_are_collections() {
    let world = World::open(Arc::new(Disk::default()), 1).unwrap();
    let expected = fill(&world, "c");
    let shard = |shard| SnapshotScope::Shard {
        collection: at("c"),
        shard,
    };
    let info = keep(&world, shard(0)).unwrap();
    assert_eq!(
        keep(&world, shard(1)).unwrap_err().kind,
        ErrorKind::NotFound
    );
    assert!(list(&world, of("c")).is_empty());
    world.write("c", vec![delete(0..1000)]).unwrap();
    let from = |location| {
        let recovery = into(shard(0));
        world.execute(Command::RecoverSnapshot { recovery, location })
    };
    let missing = from(SnapshotLocation::Kept("none".into())).unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
    assert_eq!(from(SnapshotLocation::Kept(info.name)), Ok(Outcome::Done));
    assert_eq!(world.contents("c"), expected);
    let unreachable = from(SnapshotLocation::File("/x".into())).unwrap_err();
    assert_eq!(unreachable.kind, ErrorKind::Unsupported);
}

#[test]
fn damage_is_found_when_a_snapshot_is_taken() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    fill(&world, "c");
    world.host.run_until_idle();
    let part = keys(&disk)
        .into_iter()
        .find(|key| key.contains("/seg/"))
        .unwrap();
    disk.objects.corrupt(&BlobKey::new(&part).unwrap(), 0);
    let error = keep(&world, of("c")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    assert!(list(&world, of("c")).is_empty());
}

/// Takes a snapshot, brings back an older state, lets the snapshot go.
fn work(world: &World, archive: &[u8]) -> Result<(), Error> {
    let info = keep(world, of("c"))?;
    recover(world, into(of("c")), archive)?;
    let_go(world, of("c"), &info.name)?;
    Ok(())
}

#[test]
fn death_at_every_call_of_the_store_leaves_the_old_or_the_new_state() {
    let (old, new) = (BTreeMap::from([(1, 1), (2, 1)]), BTreeMap::from([(7, 9)]));
    let archive = {
        let world = World::open(Arc::new(Disk::default()), 9).unwrap();
        world.create("c").unwrap();
        world.write("c", vec![upsert([7], 9)]).unwrap();
        read(&world, ArchiveOf::Present(of("c"))).unwrap()
    };
    let prepare = |seed| {
        let disk = Arc::new(Disk::default());
        let world = World::open(disk.clone(), seed).unwrap();
        world.create("c").unwrap();
        world.write("c", vec![upsert([1, 2], 1)]).unwrap();
        world.host.run_until_idle();
        (disk, world)
    };
    let calls = {
        let (disk, world) = prepare(1);
        let before = disk.calls();
        work(&world, &archive).unwrap();
        world.host.run_until_idle();
        assert_eq!(world.contents("c"), new);
        disk.calls() - before
    };
    assert!(calls > 25, "{calls} calls are too few to prove anything");
    let mut seen = BTreeSet::new();
    for call in 0..calls {
        for after in [false, true] {
            let what = format!("death at call {call} of {calls}, after it: {after}");
            let (disk, world) = prepare(1);
            disk.die_at(call, after);
            let worked = work(&world, &archive);
            for _ in 0..300 {
                world.host.run_steps(1);
            }
            world.host.crash();
            disk.restart();
            let world = World::open(disk.clone(), 2).expect(&what);
            let contents = world.contents("c");
            assert!(contents == old || contents == new, "{what}: {contents:?}");
            assert!(worked.is_err() || contents == new, "{what}");
            seen.insert(contents == new);
            // What is listed can be read, and what is not listed leaves nothing.
            for info in list(&world, of("c")) {
                let archive = read(&world, kept(of("c"), &info)).expect(&what);
                assert_eq!(archive.len() as u64, info.bytes, "{what}");
                let_go(&world, of("c"), &info.name).expect(&what);
            }
            world.host.run_until_idle();
            let left = keys(&disk);
            assert!(
                !left.iter().any(|key| key.starts_with("snap/")),
                "{what}: {left:?}"
            );
            let owners = left
                .iter()
                .filter_map(|key| key.strip_prefix("coll/")?.split('/').next());
            assert_eq!(owners.collect::<BTreeSet<_>>().len(), 1, "{what}: {left:?}");
            world.write("c", vec![upsert([5], 5)]).expect(&what);
            assert_eq!(world.contents("c").len(), contents.len() + 1, "{what}");
        }
    }
    assert_eq!(
        seen.len(),
        2,
        "some deaths come before the change and some after it"
    );
}

#[test]
fn a_store_that_fails_once_fails_the_command_and_no_more() {
    let (old, new) = (BTreeMap::from([(1, 1)]), BTreeMap::from([(7, 9)]));
    let archive = {
        let world = World::open(Arc::new(Disk::default()), 9).unwrap();
        world.create("c").unwrap();
        world.write("c", vec![upsert([7], 9)]).unwrap();
        read(&world, ArchiveOf::Present(of("c"))).unwrap()
    };
    for kind in [BlobErrorKind::Unavailable, BlobErrorKind::Full] {
        for call in [Call::Put, Call::Get, Call::List] {
            for after in 0..12 {
                let what = format!("{kind:?} at {call:?} number {after}");
                let objects = Arc::new(MapStore::default());
                let store = Arc::new(FaultyStore::interleaved(objects.clone()));
                let world = World::open(store.clone(), 5).unwrap();
                world.create("c").unwrap();
                world.write("c", vec![upsert([1], 1)]).unwrap();
                world.host.run_until_idle();
                store.script(Rule {
                    after,
                    ..Rule::once(call, "", Fault::Refused(kind))
                });
                let outcome = recover(&world, into(of("c")), &archive);
                store.heal();
                world.host.run_until_idle();
                let contents = world.contents("c");
                assert!(contents == old || contents == new, "{what}: {contents:?}");
                assert_eq!(outcome.is_ok(), contents == new, "{what}: {outcome:?}");
                keep(&world, of("c")).expect(&what);
                recover(&world, into(of("c")), &archive).expect(&what);
                assert_eq!(world.contents("c"), new, "{what}");
            }
        }
    }
}
