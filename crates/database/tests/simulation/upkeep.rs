//! Background work: it ends, changes no answer, keeps the store small and disturbs no reader.

use std::collections::BTreeMap;
use std::sync::Arc;

use database::Options;
use model::query::{PayloadSelect, VectorSelect};
use model::schema::SegmentConfig;
use model::{ConfigChange, ErrorKind, Executor, Reply, Select, Status, WriteOp};
use storage::BlobErrorKind;
use testkit::{Call, Fault, FaultyStore, MapStore, Rule};

use crate::world::{Disk, World, at, delete, small, upsert, write};

fn count(disk: &Disk, part_of_key: &str) -> usize {
    let keys = disk.objects.keys();
    keys.iter()
        .filter(|key| key.starts_with("coll/") && key.contains(part_of_key))
        .count()
}

/// Writes and lets everything come to rest, so that many generations of files come and go.
fn fill(world: &World, rounds: u64) -> BTreeMap<u64, i64> {
    let mut expected = BTreeMap::new();
    for round in 0..rounds {
        let ids = (0..30).map(|i| (round * 17 + i * 3) % 200);
        let gone = (0..3).map(|i| (round * 5 + i * 31) % 200);
        world
            .write(
                "c",
                vec![upsert(ids.clone(), round as i64), delete(gone.clone())],
            )
            .unwrap();
        expected.extend(ids.map(|id| (id, round as i64)));
        expected.retain(|id, _| !gone.clone().any(|other| other == *id));
        world.host.run_until_idle();
        assert_eq!(world.contents("c"), expected, "round {round}");
    }
    expected
}

#[test]
fn a_collection_at_rest_is_ready_sealed_and_small() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    world.create("c").unwrap();
    let expected = fill(&world, 25);
    assert_eq!(world.info("c").status, Status::Ready);
    let stats = &world.database.stats().open[0];
    assert_eq!(stats.growing_rows, 0);
    assert_eq!(stats.log_tail, 0);
    assert!(stats.upkeep.running.is_empty());
    assert!(
        stats
            .upkeep
            .done
            .iter()
            .any(|(kind, count)| *kind == "merge" && *count > 0)
    );
    assert!(count(&disk, "/log/") <= 20, "{:?}", disk.objects.keys());
    assert!(count(&disk, "/ckpt/") <= 2);
    assert!(
        count(&disk, "/seg/") <= stats.segments as usize,
        "{:?}",
        disk.objects.keys()
    );
    assert!(world.host.is_idle(), "at rest nothing runs");
    world.host.crash();
    let world = World::open(disk.clone(), 2).unwrap();
    assert_eq!(world.contents("c"), expected);
    world.host.run_until_idle();
    assert_eq!(world.contents("c"), expected);
}

#[test]
fn a_reader_keeps_its_view_while_files_are_merged_away() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    world.create("c").unwrap();
    let expected = fill(&world, 4);
    let database = Arc::clone(&world.database);
    let before = world
        .host
        .block_on(async move { database.pin(&at("c")).await.unwrap() });
    let files = before.files();
    assert!(!files.is_empty(), "the view must be made of files");
    fill_more(&world);
    let kept = files.iter().filter(|id| count(&disk, id) == 1).count();
    assert_eq!(kept, files.len(), "files of a pinned view stay");
    let select = Select {
        payload: PayloadSelect::All,
        vectors: VectorSelect::All,
    };
    let page = before.collection().scroll(None, None, 1000, None, &select);
    assert!(matches!(page, Ok(Reply::Page { records, .. }) if records.len() == expected.len()));
    drop(before);
    fill_more(&world);
    let kept = files.iter().filter(|id| count(&disk, id) == 1).count();
    assert_eq!(kept, 0, "and go when the view does");
}

fn fill_more(world: &World) {
    for round in 100..112 {
        world
            .write("c", vec![upsert((0..200).step_by(3), round)])
            .unwrap();
        world.host.run_until_idle();
        world
            .write("c", vec![upsert((0..200).step_by(2), round)])
            .unwrap();
        world.host.run_until_idle();
    }
}

#[test]
fn writers_wait_for_the_seal_and_are_told_when_it_cannot_be_done() {
    let store = Arc::new(FaultyStore::interleaved(Arc::new(MapStore::default())));
    let world = World::open(store.clone(), 5).unwrap();
    world.create("c").unwrap();
    let policy = engine::JobPolicy {
        seal_rows: u64::MAX,
        ..small().policy
    };
    let limit = 4 * policy.seal_bytes;
    let database = Arc::clone(&world.database);
    let highest = world.host.block_on(async move {
        let mut highest = 0;
        for batch in 0..60 {
            let ids = (0..20).map(|i| batch * 20 + i);
            database
                .execute(write("c", vec![upsert(ids, batch as i64)]))
                .await
                .unwrap();
            highest = highest.max(database.stats().open[0].growing_bytes);
        }
        highest
    });
    assert!(highest < 2 * limit, "growing rows took {highest} bytes");
    assert_eq!(world.contents("c").len(), 1200);
    let full = Fault::Refused(BlobErrorKind::Full);
    store.script(Rule::always(Call::Put, "/seg/", full));
    let mut refused = None;
    for batch in 100..200 {
        if let Err(error) = world.write("c", vec![upsert(batch * 20..batch * 20 + 20, 1)]) {
            refused = Some(error.kind);
            break;
        }
    }
    assert_eq!(
        refused,
        Some(ErrorKind::StorageFull),
        "growing data must not grow for ever"
    );
    store.heal();
    world.host.run_until_idle();
    assert!(world.write("c", vec![upsert([1], 5)]).is_ok());
}

#[test]
fn a_failed_job_is_tried_again_and_leaves_no_file() {
    let store = Arc::new(FaultyStore::interleaved(Arc::new(MapStore::default())));
    let world = World::open(store.clone(), 5).unwrap();
    world.create("c").unwrap();
    let rule = Rule::once(
        Call::Get,
        "/seg/",
        Fault::Refused(BlobErrorKind::Unavailable),
    );
    store.script(rule);
    world.write("c", vec![upsert(0..60, 1)]).unwrap();
    world.host.run_until_idle();
    let stats = &world.database.stats().open[0];
    assert_eq!((stats.upkeep.failed, stats.growing_rows), (1, 0));
    assert_eq!(world.info("c").status, Status::Ready);
    assert_eq!(world.contents("c").len(), 60);
}

#[test]
fn graphs_and_columns_are_built_and_survive_a_restart() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    world.create("c").unwrap();
    let segments = SegmentConfig {
        indexing_threshold_kb: 1,
        ..SegmentConfig::default()
    };
    let change = ConfigChange {
        segments: Some(segments),
        ..ConfigChange::default()
    };
    world.write("c", vec![WriteOp::Configure(change)]).unwrap();
    world.write("c", vec![upsert(0..200, 1)]).unwrap();
    let index = model::FieldIndex {
        path: model::FieldPath::field("batch"),
        params: model::IndexParams::new(model::FieldKind::Integer),
    };
    world.write("c", vec![WriteOp::CreateIndex(index)]).unwrap();
    world.host.run_until_idle();
    let check = |world: &World| {
        let info = world.info("c");
        assert_eq!(info.status, Status::Ready);
        assert_eq!(
            (info.points, info.indexed_vectors, info.segments),
            (200, 200, 1)
        );
        assert_eq!(info.index_points, [(model::FieldPath::field("batch"), 200)]);
        assert_eq!(world.contents("c").len(), 200);
    };
    check(&world);
    assert_eq!(
        count(&disk, "/seg/"),
        3,
        "rows, graph, column: {:?}",
        disk.objects.keys()
    );
    world.host.crash();
    let world = World::open(disk.clone(), 2).unwrap();
    check(&world);
    assert_eq!(
        world.database.stats().open[0].log_tail,
        0,
        "the graph is in the checkpoint"
    );
}

#[test]
fn files_of_a_dead_process_are_swept_when_they_are_old() {
    let disk = Arc::new(Disk::default());
    let world = World::open(disk.clone(), 1).unwrap();
    world.create("c").unwrap();
    fill(&world, 3);
    let orphan = {
        let keys = disk.objects.keys();
        let part = keys.iter().find(|key| key.contains("/seg/")).unwrap();
        let folder = part.rsplit_once('/').unwrap().0.to_owned();
        let name = storage::Ulid::new(database::Host::unix_ms(&*world.host), [7; 10]);
        storage::BlobKey::new(&format!("{folder}/{name}")).unwrap()
    };
    let body = storage::Body::from(vec![0; 10]);
    let put = storage::BlobStore::put(&disk.objects, &orphan, body, storage::PutIf::Absent);
    testkit::block_on(put).unwrap();
    world.host.crash();
    for (wait_ms, is_there) in [(0, 1), (10_000_000, 0)] {
        let options = Options {
            orphan_grace_ms: 3_600_000,
            ..small()
        };
        let world = World::open_with(disk.clone(), 9, options).unwrap();
        world.host.advance(wait_ms);
        fill_more(&world);
        assert_eq!(
            count(&disk, orphan.last_segment()),
            is_there,
            "after {wait_ms} ms"
        );
        world.host.crash();
    }
}
