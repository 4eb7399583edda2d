//! Responses per route and status, and how long they took.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, StatusCode};

use crate::Route;

/// The statuses that are counted one by one.
const STATUSES: [u16; 17] = [
    200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 413, 422, 429, 500, 503, 507,
];

#[derive(Default)]
struct Cell {
    responses: AtomicU64,
    micros: AtomicU64,
    micros_max: AtomicU64,
}

/// Responses per route of one dialect and status. Counting takes no lock.
pub struct Counters {
    routes: &'static [Route],
    cells: Vec<Cell>,
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
    /// The longest of them.
    pub micros_max: u64,
}

impl Counters {
    pub(crate) fn new(routes: &'static [Route]) -> Self {
        let cells = (0..routes.len() * STATUSES.len())
            .map(|_| Cell::default())
            .collect();
        Self { routes, cells }
    }

    /// Counts a response of the route at position `route` of the table. A status that is not
    /// among those counted is left out.
    pub(crate) fn count(&self, route: usize, status: StatusCode, micros: u64) {
        let Some(column) = STATUSES.iter().position(|known| *known == status.as_u16()) else {
            return;
        };
        let cell = &self.cells[route * STATUSES.len() + column];
        // Relaxed: the numbers are read for display and order nothing.
        cell.responses.fetch_add(1, Ordering::Relaxed);
        cell.micros.fetch_add(micros, Ordering::Relaxed);
        cell.micros_max.fetch_max(micros, Ordering::Relaxed);
    }

    /// All that is not zero, in the order of the table, then by status.
    pub fn snapshot(&self) -> Vec<Count> {
        let rows = self.routes.iter().zip(self.cells.chunks(STATUSES.len()));
        let mut counts = Vec::new();
        for (route, cells) in rows {
            for (status, cell) in STATUSES.iter().zip(cells) {
                let responses = cell.responses.load(Ordering::Relaxed);
                if responses > 0 {
                    counts.push(Count {
                        method: route.method.clone(),
                        path: route.path,
                        status: *status,
                        responses,
                        micros: cell.micros.load(Ordering::Relaxed),
                        micros_max: cell.micros_max.load(Ordering::Relaxed),
                    });
                }
            }
        }
        counts
    }
}
