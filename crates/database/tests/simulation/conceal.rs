//! Concealed points and further databases, through restarts, checkpoints and snapshots.

use std::sync::Arc;

use model::{
    CollectionRef, Command, DatabaseName, ErrorKind, Outcome, PointId, Query, Reply, Schema,
    Select, SnapshotInfo, SnapshotLocation, SnapshotRecovery, SnapshotScope, Waiting, WriteOp,
};

use crate::world::{Disk, World, at, upsert};

fn ids(ids: impl IntoIterator<Item = u64>) -> Vec<PointId> {
    ids.into_iter().map(PointId::Num).collect()
}

/// Lets everything that is due be done.
fn rest(world: &World) {
    world.host.advance(5_000);
    world.host.run_until_idle();
}

fn concealed(world: &World) -> Vec<PointId> {
    match world.query(Query::ListConcealed(at("c"))) {
        Ok(Reply::Ids(ids)) => ids,
        other => panic!("a list was answered with {other:?}"),
    }
}

fn counted(world: &World, all: bool) -> u64 {
    let count = Query::Count {
        collection: at("c"),
        filter: None,
        exact: true,
    };
    let query = match all {
        true => Query::WithConcealed(Box::new(count)),
        false => count,
    };
    match world.query(query) {
        Ok(Reply::Count(n)) => n,
        other => panic!("a count was answered with {other:?}"),
    }
}

fn last(world: &World) -> Vec<PointId> {
    let query = Query::ScrollBack {
        collection: at("c"),
        before: Some(PointId::Num(50)),
        limit: 2,
        select: Select::default(),
    };
    match world.query(query) {
        Ok(Reply::Records(records)) => records.into_iter().map(|record| record.id).collect(),
        other => panic!("a scroll was answered with {other:?}"),
    }
}

#[test]
fn what_is_concealed_stays_so_through_sealing_and_restarts() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 3).unwrap();
    world.create("c").unwrap();
    for start in (0..90).step_by(30) {
        world
            .write("c", vec![upsert(start..start + 30, 1)])
            .unwrap();
    }
    let hidden: Vec<u64> = (0..90).filter(|id| id % 7 == 0).collect();
    let conceal = WriteOp::Conceal {
        ids: ids(hidden.iter().copied().chain([777])),
    };
    world.write("c", vec![conceal]).unwrap();
    let check = |world: &World| {
        assert_eq!(concealed(world), ids(hidden.iter().copied()));
        assert_eq!(counted(world, false), 90 - hidden.len() as u64);
        assert_eq!(counted(world, true), 90);
        assert_eq!(last(world), ids([48, 47]));
    };
    check(&world);
    rest(&world);
    check(&world);
    world.host.crash();
    let world = World::open(disk.clone(), 4).unwrap();
    check(&world);
    let reveal = WriteOp::Reveal { ids: ids([7, 5]) };
    world.write("c", vec![reveal, WriteOp::Purge]).unwrap();
    rest(&world);
    world.host.crash();
    let world = World::open(disk, 5).unwrap();
    assert_eq!(concealed(&world), []);
    assert_eq!(counted(&world, true), 91 - hidden.len() as u64);
}

fn in_database(database: &str) -> CollectionRef {
    CollectionRef {
        database: DatabaseName::new(database).unwrap(),
        name: at("c").name,
    }
}

fn databases(world: &World) -> Vec<String> {
    match world.query(Query::ListDatabases) {
        Ok(Reply::Databases(names)) => names.iter().map(ToString::to_string).collect(),
        other => panic!("a list was answered with {other:?}"),
    }
}

fn database(name: &str) -> DatabaseName {
    DatabaseName::new(name).unwrap()
}

fn keep(world: &World, scope: SnapshotScope) -> SnapshotInfo {
    let waiting = Waiting::UntilDone;
    match world.execute(Command::CreateSnapshot { scope, waiting }) {
        Ok(Outcome::Snapshot(info)) => info,
        other => panic!("a snapshot was answered with {other:?}"),
    }
}

#[test]
fn databases_come_and_go_and_a_snapshot_brings_one_back() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    for name in ["z", "a"] {
        let database = database(name);
        world.execute(Command::CreateDatabase { database }).unwrap();
    }
    let collection = in_database("z");
    let schema = Schema::default();
    world
        .execute(Command::CreateCollection { collection, schema })
        .unwrap();
    let info = keep(&world, SnapshotScope::Database(database("z")));
    let drop = |name| Command::DropDatabase {
        database: database(name),
    };
    assert_eq!(
        world.execute(drop("default_db")).unwrap_err().kind,
        ErrorKind::Invalid
    );
    assert_eq!(world.execute(drop("q")), Ok(Outcome::Existed(false)));
    world
        .execute(Command::DropCollection {
            collection: in_database("z"),
        })
        .unwrap();
    let recover = Command::RecoverSnapshot {
        recovery: SnapshotRecovery {
            into: SnapshotScope::Database(database("z")),
            sha256: None,
            waiting: Waiting::UntilDone,
        },
        location: SnapshotLocation::Kept(info.name),
    };
    world.execute(recover).unwrap();
    world.host.crash();
    let world = World::open(disk.clone(), 2).unwrap();
    assert_eq!(databases(&world), ["default_db", "z", "a"]);
    let there = |world: &World| world.query(Query::CollectionExists(in_database("z")));
    assert_eq!(there(&world), Ok(Reply::Exists(true)));
    assert_eq!(world.execute(drop("z")), Ok(Outcome::Existed(true)));
    assert_eq!(there(&world), Ok(Reply::Exists(false)));
    rest(&world);
    world.host.crash();
    let world = World::open(disk, 3).unwrap();
    assert_eq!(databases(&world), ["default_db", "a"]);
}
