//! Writes: batches are whole, errors are their caller's alone, callers may hang up.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{ErrorKind, Executor};

use crate::world::{Disk, World, delete, upsert, write};

fn world() -> (Arc<Disk>, World) {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 7).unwrap();
    world.create("c").unwrap();
    (disk, world)
}

#[test]
fn a_write_is_seen_by_the_next_query_and_after_a_restart() {
    let (disk, world) = world();
    assert_eq!(world.write("c", vec![upsert(1..4, 1)]), Ok(1));
    assert_eq!(world.write("c", vec![upsert(3..6, 2), delete([1])]), Ok(3));
    assert_eq!(world.write("c", vec![]), Ok(3), "no operation, no entry");
    let expected = BTreeMap::from([(2, 1), (3, 2), (4, 2), (5, 2)]);
    assert_eq!(world.contents("c"), expected);
    world.host.crash();
    let world = World::open(disk, 8).unwrap();
    assert_eq!(world.contents("c"), expected);
    assert_eq!(world.info("c").operation, 3);
}

#[test]
fn a_batch_with_one_bad_operation_changes_nothing() {
    let (disk, world) = world();
    world.write("c", vec![upsert([1], 1)]).unwrap();
    let mut bad = upsert([2], 2);
    if let model::WriteOp::Upsert { points, .. } = &mut bad {
        points[0].vectors[0].1 = model::Vector::Dense(vec![1.0]);
    }
    let error = world.write("c", vec![upsert([1, 3], 2), bad]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_eq!(world.contents("c"), BTreeMap::from([(1, 1)]));
    world.host.crash();
    let world = World::open(disk, 8).unwrap();
    assert_eq!(world.contents("c"), BTreeMap::from([(1, 1)]));
}

#[test]
fn a_refused_write_does_not_hurt_those_it_was_committed_with() {
    let (_, world) = world();
    let mut bad = upsert([2], 2);
    if let model::WriteOp::Upsert { points, .. } = &mut bad {
        points[0].vectors[0].1 = model::Vector::Dense(vec![1.0]);
    }
    let database = Arc::clone(&world.database);
    let answers = world.host.block_on(async move {
        let writes = [vec![upsert([1], 1)], vec![bad], vec![upsert([3], 3)]];
        let writes = writes.map(|operations| database.execute(write("c", operations)));
        futures::future::join_all(writes).await
    });
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert!(answers[1].is_err());
    assert_eq!(world.contents("c"), BTreeMap::from([(1, 1), (3, 3)]));
}

#[test]
fn writes_that_wait_together_share_a_commit() {
    let (disk, world) = world();
    world.write("c", vec![upsert([0], 0)]).unwrap();
    let logged = |disk: &Disk| {
        disk.objects
            .keys()
            .iter()
            .filter(|k| k.contains("/log/"))
            .count()
    };
    let before = logged(&disk);
    let database = Arc::clone(&world.database);
    let answers = world.host.block_on(async move {
        let writes = (1..=40).map(|id| database.execute(write("c", vec![upsert([id], 1)])));
        futures::future::join_all(writes).await
    });
    assert!(answers.iter().all(Result::is_ok));
    let entries = logged(&disk) - before;
    assert!(
        (1..=3).contains(&entries),
        "40 writes at once took {entries} entries"
    );
    let stats = world.database.stats();
    assert_eq!(stats.open[0].commits.changes, 41);
}

#[test]
fn a_write_goes_on_when_its_caller_hangs_up() {
    for polls in 0..12 {
        let (disk, world) = world();
        world.write("c", vec![upsert([1], 1)]).unwrap();
        let database = Arc::clone(&world.database);
        let dropped = world.host.block_on(async move {
            let mut write = database.execute(write("c", vec![upsert([2, 3], 2)]));
            for _ in 0..polls {
                if futures::poll!(&mut write).is_ready() {
                    return false;
                }
                testkit::yield_now().await;
            }
            true
        });
        // Later writes are not held up, and the dropped one is there whole or not at all.
        world.write("c", vec![upsert([4], 4)]).unwrap();
        let contents = world.contents("c");
        let whole = contents == BTreeMap::from([(1, 1), (2, 2), (3, 2), (4, 4)]);
        let none = contents == BTreeMap::from([(1, 1), (4, 4)]);
        assert!(
            whole || (none && dropped && polls == 0),
            "after {polls} polls: {contents:?}"
        );
        world.host.crash();
        assert_eq!(World::open(disk, 8).unwrap().contents("c"), contents);
    }
}

#[test]
fn concurrent_writers_lose_nothing() {
    for seed in 0..20 {
        let disk = Arc::new(Disk::default());
        let world = World::open(disk.clone(), seed).unwrap();
        world.create("c").unwrap();
        let database = Arc::clone(&world.database);
        world.host.block_on(async move {
            let writer = |writer: u64| {
                let database = Arc::clone(&database);
                async move {
                    for batch in 0..10 {
                        let ids = (0..5).map(|i| writer * 100 + (batch * 3 + i) % 12);
                        let operations = vec![upsert(ids, batch as i64)];
                        database.execute(write("c", operations)).await.unwrap();
                    }
                }
            };
            futures::future::join_all((0..4).map(writer)).await;
        });
        let expected = (0..4_u64).flat_map(|writer| {
            let batches = (0..10_u64).flat_map(move |b| (0..5).map(move |i| ((b * 3 + i) % 12, b)));
            batches.map(move |(id, batch)| (writer * 100 + id, batch as i64))
        });
        let expected: BTreeMap<u64, i64> = expected.collect();
        assert_eq!(world.contents("c"), expected, "seed {seed}");
        assert_eq!(world.info("c").operation, 40);
        world.host.run_until_idle();
        assert_eq!(
            world.contents("c"),
            expected,
            "seed {seed}, after background work"
        );
    }
}

#[test]
fn closing_answers_what_was_asked_for_and_refuses_the_rest() {
    let (disk, world) = world();
    world.write("c", vec![]).unwrap();
    let database = Arc::clone(&world.database);
    let (first, closed, late) = world.host.block_on(async move {
        let mut first = database.execute(write("c", vec![upsert([1], 1)]));
        let pending = futures::poll!(&mut first).is_pending();
        assert!(pending, "a commit takes more than one step");
        let closed = database.close().await;
        let late = database.execute(write("c", vec![upsert([2], 2)])).await;
        (first.await, closed, late)
    });
    assert!(first.is_ok());
    assert_eq!(closed, Ok(()));
    assert_eq!(late.unwrap_err().kind, ErrorKind::Unavailable);
    assert_eq!(
        world.contents("c"),
        BTreeMap::from([(1, 1)]),
        "queries still answer"
    );
    world.host.run_until_idle();
    assert_eq!(
        World::open(disk, 8).unwrap().contents("c"),
        BTreeMap::from([(1, 1)])
    );
}
