//! The suite that every [`BlobStore`] runs: what the trait promises, tried out.
//!
//! Each check panics with a sentence saying which promise is broken. The suite works under the
//! prefix `conformance/` of the store it is given and leaves nothing there. Its writers are
//! concurrent futures of one task, so a store whose put hands work to threads or to a server is
//! really raced. A suite that passes on a broken store proves nothing: the tests beside
//! `MemoryStore` run it over stores that are broken on purpose, and expect the panic.

mod streams;

use bytes::Bytes;
use futures::future::join_all;

use crate::blob::{
    ALIGNMENT, Access, BlobStore, BlobStoreExt, Body, GetOptions, ListOptions, PutIf, Slice,
};
use crate::blob_error::{BlobError, BlobErrorKind};
use crate::key::BlobKey;

const ROOT: &str = "conformance";
const WRITERS: usize = 8;
const APPENDS: usize = 12;

/// Runs every check.
///
/// # Panics
/// When the store breaks a promise of [`BlobStore`].
pub async fn all(store: &dyn BlobStore) {
    clear(store).await;
    reads_see_writes(store).await;
    absence_is_told_apart(store).await;
    ranges_and_tails(store).await;
    empty_and_big_objects(store).await;
    bytes_are_aligned(store).await;
    bytes_outlive_their_object(store).await;
    listing_is_ordered(store).await;
    similar_names_do_not_collide(store).await;
    one_creator_wins(store).await;
    appends_are_neither_lost_nor_doubled(store).await;
    overwrites_are_whole(store).await;
    streams::are_written_whole_or_not_at_all(store).await;
    clear(store).await;
    assert!(
        list(store, ListOptions::default()).await.is_empty(),
        "deleted objects are listed"
    );
}

fn key(rest: &str) -> BlobKey {
    BlobKey::new(&format!("{ROOT}/{rest}")).expect("the suite's keys are valid")
}

fn put<'a>(
    store: &'a dyn BlobStore,
    key: &'a BlobKey,
    bytes: impl Into<Bytes>,
    when: PutIf,
) -> crate::BoxFuture<'a, Result<(), BlobError>> {
    store.put(key, Body::from(bytes.into()), when)
}

async fn write(store: &dyn BlobStore, key: &BlobKey, bytes: impl Into<Bytes>) {
    put(store, key, bytes, PutIf::Overwrite)
        .await
        .expect("an overwrite succeeds");
}

async fn list(store: &dyn BlobStore, options: ListOptions<'_>) -> Vec<String> {
    let prefix = format!("{ROOT}/{}", options.prefix);
    let options = ListOptions {
        prefix: &prefix,
        ..options
    };
    let listed = store.list(options).await.expect("a listing succeeds");
    listed
        .into_iter()
        .map(|meta| meta.key.to_string())
        .collect()
}

async fn clear(store: &dyn BlobStore) {
    for name in list(store, ListOptions::default()).await {
        let key = BlobKey::new(&name).expect("listed keys are valid");
        store.delete(&key).await.expect("a deletion succeeds");
    }
}

fn kind<T>(result: Result<T, BlobError>) -> Option<BlobErrorKind> {
    result.err().map(|error| error.kind())
}

async fn reads_see_writes(store: &dyn BlobStore) {
    let key = key("a/b");
    put(store, &key, "one", PutIf::Absent)
        .await
        .expect("creating an absent object succeeds");
    assert_eq!(&store.get_all(&key).await.expect("it is there")[..], b"one");
    let again = put(store, &key, "two", PutIf::Absent).await;
    assert_eq!(
        kind(again),
        Some(BlobErrorKind::Conflict),
        "a second create must conflict"
    );
    assert_eq!(&store.get_all(&key).await.expect("still there")[..], b"one");
    write(store, &key, "three").await;
    assert_eq!(
        &store.get_all(&key).await.expect("overwritten")[..],
        b"three"
    );
    assert_eq!(store.size(&key).await.expect("it has a size"), 5);
    store.delete(&key).await.expect("a deletion succeeds");
    assert_eq!(
        kind(store.get_all(&key).await),
        Some(BlobErrorKind::NotFound)
    );
    put(store, &key, "four", PutIf::Absent)
        .await
        .expect("a deleted key can be created");
    let chunks = vec![
        Bytes::from_static(b"fi"),
        Bytes::new(),
        Bytes::from_static(b"ve"),
    ];
    store
        .put(&key, chunks.into(), PutIf::Overwrite)
        .await
        .expect("chunks are written");
    assert_eq!(&store.get_all(&key).await.expect("in order")[..], b"five");
}

async fn absence_is_told_apart(store: &dyn BlobStore) {
    let absent = key("a/absent");
    assert_eq!(
        kind(store.get_all(&absent).await),
        Some(BlobErrorKind::NotFound)
    );
    assert_eq!(
        kind(store.size(&absent).await),
        Some(BlobErrorKind::NotFound)
    );
    assert_eq!(
        kind(store.get_range(&absent, 0, 1).await),
        Some(BlobErrorKind::NotFound)
    );
    let tail = store.get(&absent, GetOptions::slice(Slice::Tail(5))).await;
    assert_eq!(kind(tail), Some(BlobErrorKind::NotFound));
    let mapped = GetOptions {
        slice: Slice::All,
        access: Access::Mapped,
    };
    assert_eq!(
        kind(store.get(&absent, mapped).await),
        Some(BlobErrorKind::NotFound)
    );
    store
        .delete(&absent)
        .await
        .expect("deleting what is not there is fine");
}

async fn ranges_and_tails(store: &dyn BlobStore) {
    let key = key("ranges");
    write(store, &key, "0123456789").await;
    for access in [Access::Resident, Access::Mapped] {
        let read = async |slice| store.get(&key, GetOptions { slice, access }).await;
        let cases = [
            (Slice::All, "0123456789", 0),
            (
                Slice::Range {
                    offset: 2,
                    length: 3,
                },
                "234",
                2,
            ),
            (
                Slice::Range {
                    offset: 0,
                    length: 10,
                },
                "0123456789",
                0,
            ),
            (
                Slice::Range {
                    offset: 9,
                    length: 1,
                },
                "9",
                9,
            ),
            (
                Slice::Range {
                    offset: 10,
                    length: 0,
                },
                "",
                10,
            ),
            (
                Slice::Range {
                    offset: 4,
                    length: 0,
                },
                "",
                4,
            ),
            (Slice::Tail(3), "789", 7),
            (Slice::Tail(10), "0123456789", 0),
            (Slice::Tail(99), "0123456789", 0),
            (Slice::Tail(0), "", 10),
        ];
        for (slice, expected, offset) in cases {
            let blob = read(slice)
                .await
                .unwrap_or_else(|error| panic!("{slice:?}: {error}"));
            assert_eq!(&blob.bytes[..], expected.as_bytes(), "{slice:?}");
            assert_eq!((blob.offset, blob.size), (offset, 10), "{slice:?}");
        }
        for (offset, length) in [(8, 3), (11, 0), (11, 1), (u64::MAX, 1), (5, u64::MAX)] {
            let slice = Slice::Range { offset, length };
            assert_eq!(
                kind(read(slice).await),
                Some(BlobErrorKind::Corrupt),
                "{slice:?}"
            );
        }
    }
}

async fn empty_and_big_objects(store: &dyn BlobStore) {
    let empty = key("empty");
    write(store, &empty, "").await;
    assert_eq!(store.size(&empty).await.expect("an empty object exists"), 0);
    for slice in [
        Slice::All,
        Slice::Tail(7),
        Slice::Range {
            offset: 0,
            length: 0,
        },
    ] {
        for access in [Access::Resident, Access::Mapped] {
            let blob = store.get(&empty, GetOptions { slice, access }).await;
            assert!(blob.expect("an empty object is read").bytes.is_empty());
        }
    }
    let conflict = put(store, &empty, "x", PutIf::Absent).await;
    assert_eq!(
        kind(conflict),
        Some(BlobErrorKind::Conflict),
        "an empty object exists"
    );

    let big = key("big");
    let chunk = |at: u8| Bytes::from(vec![at; (1 << 20) + usize::from(at)]);
    let body: Vec<Bytes> = (0..9).map(chunk).collect();
    let whole = Body::from(body.clone()).to_aligned();
    store
        .put(&big, body.into(), PutIf::Absent)
        .await
        .expect("a big object is written");
    assert_eq!(
        store.get_all(&big).await.expect("a big object is read"),
        whole
    );
    let mapped = GetOptions {
        slice: Slice::Tail(1 << 20),
        access: Access::Mapped,
    };
    let tail = store.get(&big, mapped).await.expect("its tail is read");
    assert_eq!(tail.bytes, whole.slice(whole.len() - (1 << 20)..));
}

async fn bytes_are_aligned(store: &dyn BlobStore) {
    let key = key("aligned");
    write(store, &key, vec![1; 9000]).await;
    for access in [Access::Resident, Access::Mapped] {
        for offset in [0, 1, 63, 64, 100, 4096, 5000] {
            let slice = Slice::Range {
                offset,
                length: 100,
            };
            let blob = store
                .get(&key, GetOptions { slice, access })
                .await
                .expect("it is read");
            let at = blob.bytes.as_ptr().addr() % ALIGNMENT;
            assert_eq!(
                at,
                offset as usize % ALIGNMENT,
                "{access:?} {slice:?} is misaligned"
            );
        }
    }
}

async fn bytes_outlive_their_object(store: &dyn BlobStore) {
    let key = key("outlive");
    write(store, &key, vec![1; 5000]).await;
    let mapped = GetOptions {
        slice: Slice::All,
        access: Access::Mapped,
    };
    let held = store.get(&key, mapped).await.expect("it is read").bytes;
    write(store, &key, vec![2; 5000]).await;
    assert!(
        held.iter().all(|&byte| byte == 1),
        "an overwrite changed bytes handed out"
    );
    store.delete(&key).await.expect("a deletion succeeds");
    assert!(
        held.iter().all(|&byte| byte == 1),
        "a deletion changed bytes handed out"
    );
}

async fn listing_is_ordered(store: &dyn BlobStore) {
    // `-` sorts before `/`, which sorts before `0`: directory order is not key order.
    let names = ["l/a-b", "l/a/1", "l/a/2", "l/a0", "l/b/c/d", "lx"];
    for name in names.iter().rev() {
        write(store, &key(name), *name).await;
    }
    let full = |names: &[&str]| {
        names
            .iter()
            .map(|n| format!("{ROOT}/{n}"))
            .collect::<Vec<_>>()
    };
    let prefixed = |prefix| ListOptions {
        prefix,
        ..ListOptions::default()
    };
    assert_eq!(list(store, prefixed("l")).await, full(&names));
    assert_eq!(list(store, prefixed("l/")).await, full(&names[..5]));
    assert_eq!(list(store, prefixed("l/a")).await, full(&names[..4]));
    assert_eq!(list(store, prefixed("l/a/")).await, full(&names[1..3]));
    assert_eq!(list(store, prefixed("none/")).await, full(&[]));
    let after = key("l/a/1");
    let page = ListOptions {
        prefix: "l/",
        start_after: Some(&after),
        limit: Some(2),
    };
    assert_eq!(list(store, page).await, full(&names[2..4]));
    let between = key("l/a/1x");
    let page = ListOptions {
        prefix: "l/",
        start_after: Some(&between),
        limit: None,
    };
    assert_eq!(list(store, page).await, full(&names[2..5]));
    let prefix = format!("{ROOT}/l/a-b");
    let listed = store
        .list(ListOptions {
            prefix: &prefix,
            ..ListOptions::default()
        })
        .await;
    assert_eq!(
        listed.expect("a listing succeeds")[0].size,
        5,
        "a listing tells sizes"
    );
}

async fn similar_names_do_not_collide(store: &dyn BlobStore) {
    for name in ["n/a", "n/A", "n/a.", "n/a_", "n/a-"] {
        put(store, &key(name), name, PutIf::Absent)
            .await
            .expect("distinct keys are distinct");
    }
    for name in ["n/a", "n/A", "n/a.", "n/a_", "n/a-"] {
        assert_eq!(
            &store.get_all(&key(name)).await.expect("it is there")[..],
            name.as_bytes()
        );
    }
}

async fn one_creator_wins(store: &dyn BlobStore) {
    for round in 0..20 {
        let key = key(&format!("race/{round}"));
        let create = |writer: usize| {
            let key = &key;
            async move { put(store, key, format!("{writer}"), PutIf::Absent).await }
        };
        let results = join_all((0..WRITERS).map(create)).await;
        let won: Vec<usize> = results
            .iter()
            .enumerate()
            .filter(|(_, r)| r.is_ok())
            .map(|(at, _)| at)
            .collect();
        assert_eq!(
            won.len(),
            1,
            "creators {won:?} of one object believe that they won"
        );
        for error in results.into_iter().filter_map(Result::err) {
            assert_eq!(
                error.kind(),
                BlobErrorKind::Conflict,
                "the losers must be told: {error}"
            );
        }
        let found = store
            .get_all(&key)
            .await
            .expect("the winner's object is there");
        assert_eq!(found, format!("{}", won[0]), "the object is the winner's");
    }
}

async fn appends_are_neither_lost_nor_doubled(store: &dyn BlobStore) {
    let entry = |n: usize| key(&format!("log/{n:020}"));
    let writer = |writer: usize| async move {
        let mut head = 0;
        let mut acknowledged = Vec::new();
        for append in 0..APPENDS {
            loop {
                let body = format!("{writer}:{append}");
                match put(store, &entry(head), body.clone(), PutIf::Absent).await {
                    Ok(()) => {
                        acknowledged.push((head, body));
                        head += 1;
                        break;
                    }
                    Err(error) if error.kind() == BlobErrorKind::Conflict => head += 1,
                    Err(error) => panic!("an append failed: {error}"),
                }
            }
        }
        acknowledged
    };
    let mut acknowledged: Vec<(usize, String)> = join_all((0..WRITERS).map(writer))
        .await
        .into_iter()
        .flatten()
        .collect();
    acknowledged.sort_unstable();
    let listed = list(
        store,
        ListOptions {
            prefix: "log/",
            ..ListOptions::default()
        },
    )
    .await;
    assert_eq!(
        listed.len(),
        WRITERS * APPENDS,
        "appends were lost or doubled"
    );
    for (at, (n, body)) in acknowledged.iter().enumerate() {
        assert_eq!(at, *n, "two appends were acknowledged under one number");
        let found = store
            .get_all(&entry(*n))
            .await
            .expect("an acknowledged append is there");
        assert_eq!(
            found,
            body.as_bytes(),
            "an acknowledged append was replaced"
        );
    }
}

async fn overwrites_are_whole(store: &dyn BlobStore) {
    let key = key("whole");
    write(store, &key, vec![0; 100_000]).await;
    let writer = async {
        for round in 1..=30_u8 {
            write(store, &key, vec![round; 100_000 - usize::from(round)]).await;
        }
    };
    let reader = async {
        for _ in 0..60 {
            let found = store
                .get_all(&key)
                .await
                .expect("never absent while overwritten");
            let round = found[0];
            assert_eq!(
                found.len(),
                100_000 - usize::from(round),
                "a torn object was read"
            );
            assert!(
                found.iter().all(|&byte| byte == round),
                "a mixed object was read"
            );
        }
    };
    futures::join!(writer, reader);
}
