//! Responses per route, collection and status, and how long they took.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use http::{Method, StatusCode};

use crate::Route;

/// The statuses that are counted one by one.
const STATUSES: [u16; 17] = [
    200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 413, 422, 429, 500, 503, 507,
];

/// Durations of responses are counted up to each of these, in microseconds.
pub const BUCKETS_MICROS: [u64; 10] = [
    500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000,
];

/// Names come from requests, so their number must have an end.
const COLLECTIONS_MAX: usize = 1_000;

/// How long a response took.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    pub(crate) micros: u64,
    /// When it was ready, in milliseconds since 1970.
    pub(crate) ended_ms: u64,
}

struct Cell {
    responses: AtomicU64,
    micros: AtomicU64,
    micros_min: AtomicU64,
    micros_max: AtomicU64,
    last_ms: AtomicU64,
    /// Responses within each of [`BUCKETS_MICROS`] and in none before it.
    buckets: [AtomicU64; BUCKETS_MICROS.len()],
}

impl Default for Cell {
    fn default() -> Self {
        Self {
            responses: AtomicU64::new(0),
            micros: AtomicU64::new(0),
            micros_min: AtomicU64::new(u64::MAX),
            micros_max: AtomicU64::new(0),
            last_ms: AtomicU64::new(0),
            buckets: Default::default(),
        }
    }
}

impl Cell {
    fn add(&self, took: Took) {
        // Relaxed: the numbers are read for display and order nothing.
        self.responses.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(took.micros, Ordering::Relaxed);
        self.micros_min.fetch_min(took.micros, Ordering::Relaxed);
        self.micros_max.fetch_max(took.micros, Ordering::Relaxed);
        self.last_ms.fetch_max(took.ended_ms, Ordering::Relaxed);
        if let Some(at) = BUCKETS_MICROS.iter().position(|max| took.micros <= *max) {
            self.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `None` when nothing was counted.
    fn read(&self, route: &Route, status: u16) -> Option<Count> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let responses = read(&self.responses);
        let mut within = 0;
        let buckets = self.buckets.each_ref().map(|bucket| {
            within += read(bucket);
            within
        });
        (responses > 0).then(|| Count {
            method: route.method.clone(),
            path: route.path,
            status,
            responses,
            micros: read(&self.micros),
            micros_min: read(&self.micros_min),
            micros_max: read(&self.micros_max),
            last_ms: read(&self.last_ms),
            buckets,
        })
    }
}

/// Counts by position of the route and of the status.
type Cells = BTreeMap<(usize, usize), Cell>;

/// Responses per route of one dialect and status. Counting takes no lock that another count holds
/// for long.
pub struct Counters {
    routes: &'static [Route],
    cells: Vec<Cell>,
    by_collection: RwLock<BTreeMap<Box<str>, Cells>>,
}

/// How often a route answered with a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Method of the route.
    pub method: Method,
    /// Pattern of the route.
    pub path: &'static str,
    /// The status.
    pub status: u16,
    /// Responses.
    pub responses: u64,
    /// Their durations together, in microseconds.
    pub micros: u64,
    /// The shortest of them.
    pub micros_min: u64,
    /// The longest of them.
    pub micros_max: u64,
    /// When the last one was ready, in milliseconds since 1970.
    pub last_ms: u64,
    /// Responses that took at most each of [`BUCKETS_MICROS`].
    pub buckets: [u64; BUCKETS_MICROS.len()],
}

impl Counters {
    pub(crate) fn new(routes: &'static [Route]) -> Self {
        let cells = (0..routes.len() * STATUSES.len())
            .map(|_| Cell::default())
            .collect();
        Self {
            routes,
            cells,
            by_collection: RwLock::default(),
        }
    }

    /// Counts a response of the route at position `route` of the table. A status that is not
    /// among those counted is left out.
    pub(crate) fn count(
        &self,
        route: usize,
        collection: Option<&str>,
        status: StatusCode,
        took: Took,
    ) {
        let Some(column) = STATUSES.iter().position(|known| *known == status.as_u16()) else {
            return;
        };
        self.cells[route * STATUSES.len() + column].add(took);
        // A name that was not found may be anything.
        if let Some(name) = collection.filter(|_| status != StatusCode::NOT_FOUND) {
            self.count_collection(name, (route, column), took);
        }
    }

    fn count_collection(&self, name: &str, at: (usize, usize), took: Took) {
        {
            let known = self
                .by_collection
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(cell) = known.get(name).and_then(|cells| cells.get(&at)) {
                return cell.add(took);
            }
        }
        let mut known = self
            .by_collection
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() < COLLECTIONS_MAX || known.contains_key(name) {
            let cells = known.entry(name.into()).or_default();
            cells.entry(at).or_default().add(took);
        }
    }

    /// All that is not zero, in the order of the table, then by status.
    pub fn snapshot(&self) -> Vec<Count> {
        let rows = self.routes.iter().zip(self.cells.chunks(STATUSES.len()));
        let counts = rows.flat_map(|(route, cells)| {
            let cells = STATUSES.iter().zip(cells);
            cells.filter_map(|(status, cell)| cell.read(route, *status))
        });
        counts.collect()
    }

    /// As [`Counters::snapshot`], by the collection that the path named, ascending. Responses that
    /// found none are left out, and so are collections beyond the first thousand.
    pub fn by_collection(&self) -> Vec<(String, Vec<Count>)> {
        let known = self
            .by_collection
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let counts = |cells: &Cells| {
            let read = |(&(route, column), cell): (&(usize, usize), &Cell)| {
                cell.read(&self.routes[route], STATUSES[column])
            };
            cells.iter().filter_map(read).collect()
        };
        let entries = known.iter();
        entries
            .map(|(name, cells)| (String::from(&**name), counts(cells)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, Intake};

    static ROUTES: &[Route] = &[Route {
        method: Method::GET,
        path: "/c/{collection_name}",
        access: Access::Read,
        intake: Intake::Whole,
        handler: |_| Box::pin(async { unreachable!("it is only counted") }),
        doc: "",
    }];

    #[test]
    fn durations_fall_into_buckets_and_names_apart() {
        let counters = Counters::new(ROUTES);
        for (name, status, micros) in [("a", 200, 400), ("a", 200, 900), ("b", 404, 20_000_000)] {
            let status = StatusCode::from_u16(status).expect("a status");
            let took = Took {
                micros,
                ended_ms: micros,
            };
            counters.count(0, Some(name), status, took);
        }
        let all = counters.snapshot();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].micros_min, all[0].micros_max), (400, 900));
        assert_eq!((all[0].last_ms, all[0].micros), (900, 1300));
        assert_eq!(all[0].buckets[..3], [1, 2, 2]);
        assert_eq!(all[1].buckets, [0; BUCKETS_MICROS.len()]);
        let named = counters.by_collection();
        assert_eq!(named, [("a".to_owned(), vec![all[0].clone()])]);
    }
}
