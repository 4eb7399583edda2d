//! Death at every single call of the store: what was acknowledged is there, once, and nothing is
//! there by half.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use model::{Executor, WriteOp};

use crate::world::{Disk, World, delete, upsert, write};

type Contents = BTreeMap<u64, i64>;

/// Writers work at once, each on its own ids, so that what each was promised can be told apart.
const WRITERS: u64 = 2;
const BATCHES: i64 = 14;
const IDS: u64 = 40;

/// What one writer knows: the effects that were acknowledged, and those of the write that was not.
#[derive(Clone, Default)]
struct Promised {
    acknowledged: Contents,
    pending: Option<Contents>,
    operations: u64,
}

/// One batch of two operations: some points written, some deleted.
fn batch(writer: u64, number: i64) -> Vec<WriteOp> {
    let base = writer * 1000;
    let step = number as u64;
    let written = (0..6).map(|i| base + (step * 7 + i * 5) % IDS);
    let deleted = (0..2).map(|i| base + (step * 3 + i * 11) % IDS);
    vec![upsert(written, number), delete(deleted)]
}

fn expect(contents: &mut Contents, operations: &[WriteOp], number: i64) {
    for operation in operations {
        match operation {
            WriteOp::Upsert { points, .. } => contents.extend(points.iter().map(|point| {
                let model::PointId::Num(id) = point.id else {
                    unreachable!("ids are numbers")
                };
                (id, number)
            })),
            WriteOp::Delete {
                target: model::Target::Ids(ids),
            } => {
                contents.retain(|id, _| !ids.contains(&model::PointId::from(*id)));
            }
            other => panic!("the workload has no {other:?}"),
        }
    }
}

/// Runs the workload until it ends or the machine dies.
fn work(world: &World, disk: &Arc<Disk>) -> Vec<Promised> {
    if world.create("c").is_err() {
        return vec![Promised::default(); WRITERS as usize];
    }
    let promised = Arc::new(Mutex::new(vec![Promised::default(); WRITERS as usize]));
    let done = Arc::new(std::sync::atomic::AtomicU64::new(0));
    for writer in 0..WRITERS {
        let (promised, done) = (Arc::clone(&promised), Arc::clone(&done));
        let (database, disk) = (Arc::clone(&world.database), Arc::clone(disk));
        database::Host::spawn(
            &*world.host,
            Box::pin(async move {
                for number in 0..BATCHES {
                    let operations = batch(writer, number);
                    {
                        let mut promised = promised.lock().unwrap();
                        let mine = &mut promised[writer as usize];
                        let mut after = mine.acknowledged.clone();
                        expect(&mut after, &operations, number);
                        mine.pending = Some(after);
                    }
                    let count = operations.len() as u64;
                    let written = database.execute(write("c", operations)).await;
                    if written.is_err() {
                        assert!(disk.is_dead(), "a write failed on a live disk: {written:?}");
                        break;
                    }
                    let mut promised = promised.lock().unwrap();
                    let mine = &mut promised[writer as usize];
                    mine.acknowledged = mine.pending.take().unwrap();
                    mine.operations += count;
                }
                done.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }),
        );
    }
    // Background work goes on for a while after the writers; on a dead disk it would never end.
    for _ in 0..3000 {
        if disk.is_dead() && done.load(std::sync::atomic::Ordering::SeqCst) == WRITERS {
            break;
        }
        world.host.run_steps(1);
    }
    let promised = promised.lock().unwrap();
    promised.clone()
}

/// Checks that `world` holds what was promised, with or without what was not.
fn check(world: &World, promised: &[Promised], what: &str) {
    let contents = world.contents("c");
    let operation = world.info("c").operation;
    let sure: u64 = promised.iter().map(|p| p.operations).sum();
    let possible = sure + 2 * promised.iter().filter(|p| p.pending.is_some()).count() as u64;
    assert!(
        (sure..=possible).contains(&operation),
        "{what}: {operation} operations"
    );
    for (writer, promised) in promised.iter().enumerate() {
        let mine = writer as u64 * 1000..(writer as u64 + 1) * 1000;
        let found: Contents = contents
            .range(mine)
            .map(|(&id, &batch)| (id, batch))
            .collect();
        let whole = found == promised.acknowledged
            || promised
                .pending
                .as_ref()
                .is_some_and(|pending| found == *pending);
        assert!(
            whole,
            "{what}, writer {writer}: found {found:?}\nacknowledged {:?}\npending {:?}",
            promised.acknowledged, promised.pending
        );
    }
}

/// After a restart everything works again: one more write, all background work, one more restart.
fn go_on(world: World, disk: &Arc<Disk>, what: &str) {
    let mut expected = world.contents("c");
    world.write("c", vec![upsert([5, 1005, 9999], 77)]).unwrap();
    expected.extend([(5, 77), (1005, 77), (9999, 77)]);
    world.host.run_until_idle();
    assert_eq!(
        world.contents("c"),
        expected,
        "{what}: after background work"
    );
    world.host.crash();
    drop(world);
    let world = World::open(disk.clone(), 3).unwrap();
    assert_eq!(
        world.contents("c"),
        expected,
        "{what}: after one more restart"
    );
}

fn calls_of_the_whole_workload() -> usize {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    let promised = work(&world, &disk);
    assert!(
        promised.iter().all(|p| p.pending.is_none()),
        "without faults all is acknowledged"
    );
    let parts = disk
        .objects
        .keys()
        .iter()
        .filter(|key| key.contains("/seg/"))
        .count();
    let checkpoints = disk
        .objects
        .keys()
        .iter()
        .filter(|key| key.contains("/ckpt/"))
        .count();
    assert!(
        parts > 0 && checkpoints > 0,
        "the workload must seal: {:?}",
        disk.objects.keys()
    );
    check(&world, &promised, "no crash");
    let calls = disk.calls();
    assert!(calls > 150, "{calls} calls are too few to prove anything");
    calls
}

#[test]
fn an_acknowledged_write_survives_death_at_every_call_of_the_store() {
    let calls = calls_of_the_whole_workload();
    let mut deaths = 0;
    for at in 0..calls {
        for after in [false, true] {
            let disk = Arc::new(Disk::default());
            disk.die_at(at, after);
            let what = format!("death at call {at} of {calls}, after it: {after}");
            let promised = match World::open(disk.clone(), 1) {
                Err(_) => vec![Promised::default(); WRITERS as usize],
                Ok(world) => {
                    let promised = work(&world, &disk);
                    world.host.crash();
                    promised
                }
            };
            deaths += usize::from(disk.is_dead());
            disk.restart();
            let world = World::open(disk.clone(), 2).expect(&what);
            // Created again when the machine died before that.
            let created = world.create("c").is_ok();
            assert!(
                !created || promised.iter().all(|p| p.operations == 0),
                "{what}"
            );
            check(&world, &promised, &what);
            go_on(world, &disk, &what);
        }
    }
    assert!(
        deaths > calls,
        "most runs must die: {deaths} of {}",
        2 * calls
    );
}
