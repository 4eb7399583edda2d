//! A reader beside a writer: what was acknowledged is seen by whoever catches up after it.

use std::sync::Arc;

use database::{Options, Paging};
use model::{CollectionName, Command, Error, ErrorKind, Outcome, Query, Reply};
use storage::{BlobKey, BlobStore};
use testkit::{Call, Fault, FaultyStore, MapStore, Rule, SplitMix, block_on};

use crate::world::{World, at, delete, small, upsert};

fn reader(store: Arc<dyn BlobStore>) -> World {
    let options = Options {
        read_only: true,
        paging: Some(Paging::default()),
        ..small()
    };
    World::open_with(store, 9, options).unwrap()
}

fn catch_up(world: &World) -> Result<(), Error> {
    let database = Arc::clone(&world.database);
    world
        .host
        .block_on(async move { database.catch_up().await })
}

fn exists(world: &World, name: &str) -> bool {
    world.query(Query::CollectionExists(at(name))) == Ok(Reply::Exists(true))
}

#[test]
fn what_was_acknowledged_is_seen_whatever_the_background_has_done_since() {
    for seed in 0..20 {
        let store = Arc::new(MapStore::default());
        let writer = World::open(store.clone(), seed).unwrap();
        writer.create("a").unwrap();
        let readers = [reader(store.clone()), reader(store.clone())];
        let mut random = SplitMix::new(seed);
        for step in 0..60 {
            match random.below(4) {
                0 => {
                    let first = random.below(100) as u64;
                    writer.write("a", vec![delete(first..first + 15)]).unwrap();
                }
                _ => {
                    let first = random.below(200) as u64;
                    writer
                        .write("a", vec![upsert(first..first + 30, step)])
                        .unwrap();
                }
            }
            if random.below(3) == 0 {
                // Seals, merges, builds, writes checkpoints, and removes what nobody needs.
                writer.host.run_until_idle();
            }
            // One looks often, the other is overtaken by the collector at times.
            for (reader, often) in readers.iter().zip([2, 12]) {
                if random.below(often) == 0 {
                    catch_up(reader).unwrap();
                    assert_eq!(reader.contents("a"), writer.contents("a"), "{seed}, {step}");
                }
            }
        }
    }
}

#[test]
fn collections_come_and_go_and_are_renamed() {
    let store = Arc::new(MapStore::default());
    let writer = World::open(store.clone(), 1).unwrap();
    let reader = reader(store.clone());
    for name in ["a", "b"] {
        writer.create(name).unwrap();
        writer.write(name, vec![upsert(0..5, 1)]).unwrap();
    }
    assert!(!exists(&reader, "a"));
    catch_up(&reader).unwrap();
    assert_eq!(reader.contents("a"), writer.contents("a"));
    assert_eq!(reader.contents("b").len(), 5);
    let dropped = writer.execute(Command::DropCollection {
        collection: at("a"),
    });
    assert_eq!(dropped, Ok(Outcome::Existed(true)));
    writer.create("a").unwrap();
    let renamed = Command::RenameCollection {
        collection: at("b"),
        to: CollectionName::new("c").unwrap(),
    };
    writer.execute(renamed).unwrap();
    assert_eq!(reader.contents("a").len(), 5, "nothing moves by itself");
    // What belonged to the dropped one is removed.
    writer.host.run_until_idle();
    catch_up(&reader).unwrap();
    assert_eq!(
        reader.contents("a").len(),
        0,
        "another collection of that name"
    );
    assert_eq!((exists(&reader, "b"), exists(&reader, "c")), (false, true));
    assert_eq!(reader.contents("c").len(), 5);
    // So many changes that the catalog has a checkpoint, and the log before it is gone.
    for round in 0..40 {
        let name = format!("n{round}");
        writer.create(&name).unwrap();
        writer.host.run_until_idle();
    }
    catch_up(&reader).unwrap();
    assert!(exists(&reader, "n0") && exists(&reader, "n39"));
}

#[test]
fn a_store_that_fails_leaves_the_reader_where_it_was() {
    let store = Arc::new(MapStore::default());
    let writer = World::open(store.clone(), 1).unwrap();
    writer.create("a").unwrap();
    writer.write("a", vec![upsert(0..5, 1)]).unwrap();
    let faulty = Arc::new(FaultyStore::new(store.clone()));
    let reader = reader(faulty.clone());
    let before = reader.contents("a");
    writer.write("a", vec![upsert(0..9, 2)]).unwrap();
    let down = Fault::Refused(storage::BlobErrorKind::Unavailable);
    faulty.script(Rule::always(Call::Get, "", down));
    assert_eq!(catch_up(&reader).unwrap_err().kind, ErrorKind::Unavailable);
    assert_eq!(reader.contents("a"), before);
    faulty.heal();
    catch_up(&reader).unwrap();
    assert_eq!(reader.contents("a"), writer.contents("a"));
}

#[test]
fn damage_in_the_log_is_told_and_the_state_before_it_stays() {
    let store = Arc::new(MapStore::default());
    let writer = World::open(store.clone(), 1).unwrap();
    writer.create("a").unwrap();
    writer.write("a", vec![upsert(0..5, 1)]).unwrap();
    let reader = reader(store.clone());
    let before = reader.contents("a");
    let known = store.keys();
    writer.write("a", vec![upsert(0..9, 2)]).unwrap();
    let keys = store.keys().into_iter();
    let entry = keys
        .filter(|key| !known.contains(key))
        .find(|key| key.contains("/log/"));
    let entry = BlobKey::new(&entry.unwrap()).unwrap();
    store.corrupt(&entry, 90);
    assert_eq!(catch_up(&reader).unwrap_err().kind, ErrorKind::Corrupt);
    assert_eq!(reader.contents("a"), before);
    store.corrupt(&entry, 90);
    catch_up(&reader).unwrap();
    assert_eq!(reader.contents("a").len(), 9);
    block_on(store.delete(&entry)).unwrap();
    catch_up(&reader).unwrap();
    assert_eq!(reader.contents("a").len(), 9, "what was read stays");
}
