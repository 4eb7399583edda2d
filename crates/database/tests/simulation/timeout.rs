//! Callers who wait for a limited time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use database::{Database, Host};
use model::{
    BoxFuture, Command, ErrorKind, Executor, Matrix, Outcome, Query, Reply, Schema, VectorName,
    Visibility,
};
use testkit::SimHost;

use crate::world::{Disk, at, schema, small, upsert};

/// The waiting time that is over at once.
const SHORT_MS: u64 = 7;

/// A simulated host on which a look at the clock takes a millisecond.
struct Hurried {
    inner: Arc<SimHost>,
    looks: AtomicU64,
}

impl Host for Hurried {
    fn unix_ms(&self) -> u64 {
        self.inner.unix_ms()
    }

    fn monotonic_us(&self) -> u64 {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        self.inner.monotonic_us() + 1000 * looks
    }

    fn random(&self) -> u128 {
        self.inner.random()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.inner.spawn(task);
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        if ms == SHORT_MS {
            return Box::pin(async {});
        }
        self.inner.sleep(ms)
    }

    fn run_heavy(&self, work: Box<dyn FnOnce() + Send>) {
        self.inner.run_heavy(work);
    }
}

fn open(schema: Schema) -> (Arc<SimHost>, Arc<Database>) {
    let inner = SimHost::new(1);
    let host = Arc::new(Hurried {
        inner: Arc::clone(&inner),
        looks: AtomicU64::new(0),
    });
    let opening = Database::open(Arc::new(Disk::default()), host, small());
    let database = inner.block_on(opening).unwrap();
    let create = Command::CreateCollection {
        collection: at("c"),
        schema,
    };
    execute(&inner, &database, create).unwrap();
    (inner, database)
}

fn execute(
    host: &SimHost,
    database: &Arc<Database>,
    command: Command,
) -> Result<Outcome, model::Error> {
    let database = Arc::clone(database);
    host.block_on(async move { database.execute(command).await })
}

fn query(host: &SimHost, database: &Arc<Database>, query: Query) -> Result<Reply, model::Error> {
    let database = Arc::clone(database);
    host.block_on(async move { database.query(query).await })
}

fn write(ids: std::ops::Range<u64>, visibility: Visibility) -> Command {
    Command::Write {
        collection: at("c"),
        operations: vec![upsert(ids, 1)],
        visibility,
    }
}

fn count() -> Query {
    Query::Count {
        collection: at("c"),
        filter: None,
        exact: true,
    }
}

fn within(ms: u64, query: Query) -> Query {
    let query = Box::new(query);
    Query::Within { ms, query }
}

#[test]
fn a_write_goes_on_when_its_caller_waits_no_longer() {
    let (host, database) = open(schema());
    let short = Visibility::AppliedWithin { ms: SHORT_MS };
    let outcome = execute(&host, &database, write(0..3, short));
    assert_eq!(outcome, Ok(Outcome::Pending));
    host.run_until_idle();
    assert_eq!(query(&host, &database, count()), Ok(Reply::Count(3)));
    let long = Visibility::AppliedWithin { ms: 60_000 };
    let outcome = execute(&host, &database, write(3..4, long));
    assert_eq!(outcome, Ok(Outcome::Written { operation: 2 }));
}

#[test]
fn a_query_that_takes_too_long_is_given_up() {
    let (host, database) = open(schema());
    execute(&host, &database, write(0..9, Visibility::Applied)).unwrap();
    // Background work looks at the clock, too.
    host.run_until_idle();
    let late = query(&host, &database, within(0, count())).unwrap_err();
    assert_eq!(late.kind, ErrorKind::Timeout);
    let in_time = query(&host, &database, within(2, count()));
    assert_eq!(in_time, Ok(Reply::Count(9)));
    // One look per point of the sample, and one at the end; time also passes between them.
    let matrix = || {
        Query::Matrix(Matrix {
            collection: at("c"),
            field: VectorName::default(),
            filter: None,
            sample: 5,
            limit: 1,
        })
    };
    let late = query(&host, &database, within(4, matrix())).unwrap_err();
    assert_eq!(late.kind, ErrorKind::Timeout);
    assert!(query(&host, &database, within(8, matrix())).is_ok());
}
