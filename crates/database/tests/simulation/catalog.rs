//! Collections and aliases come and go; their objects follow.

use std::collections::BTreeMap;
use std::sync::Arc;

use database::Options;
use model::{AliasChange, Command, DatabaseName, ErrorKind, Outcome, Query, Reply, Subject};

use crate::world::{Disk, World, at, small, upsert};

fn alias(alias: &str, collection: &str) -> AliasChange {
    AliasChange::Create {
        alias: at(alias).name,
        collection: at(collection).name,
    }
}

fn change(world: &World, changes: Vec<AliasChange>) -> Result<Outcome, model::Error> {
    let database = DatabaseName::default();
    world.execute(Command::ChangeAliases { database, changes })
}

fn drop_collection(world: &World, name: &str) -> Result<Outcome, model::Error> {
    world.execute(Command::DropCollection {
        collection: at(name),
    })
}

fn names(world: &World) -> Vec<String> {
    match world.query(Query::ListCollections(DatabaseName::default())) {
        Ok(Reply::Collections(names)) => names.iter().map(ToString::to_string).collect(),
        other => panic!("a list was answered with {other:?}"),
    }
}

#[test]
fn collections_are_listed_in_order_and_survive_a_restart() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    for name in ["b", "a", "c"] {
        assert_eq!(world.create(name), Ok(Outcome::Done));
    }
    let again = world.create("b").unwrap_err();
    assert_eq!(again.kind, ErrorKind::AlreadyExists);
    assert_eq!(again.subject, Subject::Collection("b".into()));
    assert_eq!(names(&world), ["a", "b", "c"]);
    world.host.crash();
    let world = World::open(disk, 2).unwrap();
    assert_eq!(names(&world), ["a", "b", "c"]);
    assert_eq!(world.database.stats().open, [], "listing opens nothing");
}

/// Whoever holds a collection goes on with it under its new name, and its old name is free.
#[test]
fn a_renamed_collection_keeps_its_points_and_its_log() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    let rename = |world: &World, from, to| {
        world.execute(Command::RenameCollection {
            collection: at(from),
            to: at(to).name,
        })
    };
    world.create("old").unwrap();
    world.write("old", vec![upsert([1], 1)]).unwrap();
    change(&world, vec![alias("live", "old")]).unwrap();
    rename(&world, "old", "new").unwrap();
    assert_eq!(names(&world), ["new"]);
    assert_eq!(world.database.stats().open[0].name, at("new").name);
    world.write("new", vec![upsert([2], 1)]).unwrap();
    world.write("live", vec![upsert([3], 1)]).unwrap();
    let gone = world.write("old", vec![upsert([4], 1)]).unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound);
    world.create("old").unwrap();
    world.write("old", vec![upsert([4], 1)]).unwrap();
    let missing = rename(&world, "none", "x").unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
    let taken = rename(&world, "old", "live").unwrap_err();
    assert_eq!(taken.kind, ErrorKind::AlreadyExists);
    world.host.crash();
    let world = World::open(disk, 2).unwrap();
    assert_eq!(names(&world), ["new", "old"]);
    assert_eq!(world.contents("new").len(), 3);
    assert_eq!(world.contents("old").len(), 1);
    rename(&world, "new", "newer").unwrap();
    assert_eq!(world.contents("live").len(), 3);
}

#[test]
fn an_alias_is_as_good_as_the_name_and_can_be_moved_in_one_step() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    world.create("old").unwrap();
    world.create("new").unwrap();
    change(&world, vec![alias("live", "old")]).unwrap();
    world.write("live", vec![upsert([1], 1)]).unwrap();
    assert_eq!(world.contents("old"), BTreeMap::from([(1, 1)]));
    change(&world, vec![alias("live", "new")]).unwrap();
    assert_eq!(world.contents("live"), BTreeMap::new());
    assert_eq!(
        world.info("live").name,
        at("new").name,
        "an alias shows the name behind it"
    );
    world.host.crash();
    let world = World::open(disk, 2).unwrap();
    let aliases = world.query(Query::ListAliases(DatabaseName::default()));
    assert_eq!(
        aliases,
        Ok(Reply::Aliases(vec![(at("live").name, at("new").name)]))
    );
    assert_eq!(
        world.query(Query::CollectionExists(at("live"))),
        Ok(Reply::Exists(true))
    );
    drop_collection(&world, "new").unwrap();
    assert_eq!(
        world.query(Query::CollectionExists(at("live"))),
        Ok(Reply::Exists(false))
    );
}

#[test]
fn a_dropped_collection_leaves_nothing_and_its_name_is_free() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    world.create("c").unwrap();
    world.write("c", vec![upsert(0..60, 1)]).unwrap();
    world.host.run_until_idle();
    assert_eq!(drop_collection(&world, "c"), Ok(Outcome::Existed(true)));
    assert_eq!(drop_collection(&world, "c"), Ok(Outcome::Existed(false)));
    let missing = world.write("c", vec![upsert([1], 1)]).unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
    world.create("c").unwrap();
    assert_eq!(world.contents("c"), BTreeMap::new());
    world.write("c", vec![upsert([7], 2)]).unwrap();
    world.host.run_until_idle();
    assert_eq!(world.contents("c"), BTreeMap::from([(7, 2)]));
    assert_eq!(collections_with_objects(&disk), 1);
}

fn collections_with_objects(disk: &Disk) -> usize {
    let keys = disk.objects.keys();
    let ids = keys
        .iter()
        .filter_map(|key| key.strip_prefix("coll/")?.split('/').next());
    ids.collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn a_drop_is_finished_after_a_crash_at_any_moment() {
    let mut interrupted = 0;
    for steps in (0..200).step_by(3) {
        let disk = Arc::new(Disk::default());
        let world = World::open(disk.clone(), 1).unwrap();
        world.create("c").unwrap();
        world.create("d").unwrap();
        world.write("c", vec![upsert(0..60, 1)]).unwrap();
        world.write("d", vec![upsert(0..3, 1)]).unwrap();
        world.host.run_until_idle();
        drop_collection(&world, "c").unwrap();
        world.host.run_steps(steps);
        world.host.crash();
        interrupted += usize::from(collections_with_objects(&disk) > 1);
        let world = World::open(disk.clone(), 2).unwrap();
        world.host.run_until_idle();
        assert_eq!(names(&world), ["d"]);
        assert_eq!(collections_with_objects(&disk), 1, "after {steps} steps");
        assert_eq!(world.contents("d").len(), 3);
    }
    assert!(
        interrupted > 0,
        "some crash must come before the removal is over"
    );
}

#[test]
fn the_log_of_the_catalog_is_cut() {
    let disk = Arc::new(Disk::default());
    let options = Options {
        log_tail_max: 4,
        ..small()
    };
    let world = World::open_with(disk.clone(), 1, options).unwrap();
    for round in 0..20 {
        world.create(&format!("kept {round}")).unwrap();
        world.create("dropped").unwrap();
        drop_collection(&world, "dropped").unwrap();
        world.host.run_until_idle();
    }
    let keys = disk.objects.keys();
    let entries = keys
        .iter()
        .filter(|key| key.starts_with("catalog/log/"))
        .count();
    assert!(entries < 20, "{entries} entries of 60 are left");
    world.host.crash();
    let world = World::open(disk, 2).unwrap();
    assert_eq!(names(&world).len(), 20);
}
