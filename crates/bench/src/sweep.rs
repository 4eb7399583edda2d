//! Recall and speed over a range of `ef`, and the speed at a given recall.

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this process in seconds.
///
/// Speeds are per second of processor time: for one thread that is the time on the clock when the
/// machine is quiet, and unlike that it stays comparable when the machine is shared.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Values of `ef` tried, ascending.
pub(crate) const EFS: [usize; 20] = [
    10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 400, 512,
];

/// A sweep ends once this recall is reached: nothing is interpolated above.
const RECALL_ENOUGH: f64 = 0.994;

/// One measured point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Candidates kept by the walk.
    pub(crate) ef: usize,
    /// Share of the true neighbours that were found.
    pub(crate) recall: f64,
    /// Queries per second of processor time, one after the other.
    pub(crate) qps: f64,
}

/// What is measured of a search.
#[derive(Clone, Copy)]
pub(crate) struct Sweep<'a> {
    /// The `k` true neighbours of each query.
    pub(crate) truth: &'a [u32],
    /// Neighbours per query.
    pub(crate) k: usize,
    /// Passes over all queries; the median of their speeds counts.
    pub(crate) runs: usize,
    /// Values of `ef`. Without any: [`EFS`], until enough is found.
    pub(crate) efs: &'a [usize],
}

/// Measures `search(query, ef)` for every `ef`; `search` appends the rows it found.
pub(crate) fn sweep<Q>(
    queries: &[Q],
    what: &Sweep<'_>,
    mut search: impl FnMut(&Q, usize, &mut Vec<u32>),
) -> Vec<Point> {
    let Sweep { truth, k, runs, .. } = *what;
    let (efs, enough) = match what.efs {
        [] => (&EFS[..], RECALL_ENOUGH),
        named => (named, f64::INFINITY),
    };
    let mut points = Vec::new();
    for &ef in efs {
        let mut recall = 0.0;
        let mut speeds = Vec::new();
        let mut found = Vec::new();
        for _ in 0..runs.max(1) {
            let mut ends = Vec::with_capacity(queries.len());
            found.clear();
            let started = cpu_seconds();
            for query in queries {
                search(query, ef, &mut found);
                ends.push(found.len());
            }
            speeds.push(queries.len() as f64 / (cpu_seconds() - started));
            recall = recall_of(&found, &ends, truth, k);
        }
        points.push(Point {
            ef,
            recall,
            qps: median(&mut speeds),
        });
        if recall >= enough {
            break;
        }
    }
    points
}

/// Share of the `k` true neighbours of each query among the rows found for it.
fn recall_of(found: &[u32], ends: &[usize], truth: &[u32], k: usize) -> f64 {
    let mut start = 0;
    let mut hits = 0;
    for (&end, wanted) in ends.iter().zip(truth.chunks_exact(k)) {
        hits += found[start..end]
            .iter()
            .filter(|row| wanted.contains(row))
            .count();
        start = end;
    }
    hits as f64 / (ends.len() * k) as f64
}

/// The middle of some measurements.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Queries per second at `recall`, interpolated between the two points around it (logarithm of the
/// speed over the recall). `None` when it was never reached; the first point's speed when even
/// that is above.
pub(crate) fn qps_at(points: &[Point], recall: f64) -> Option<f64> {
    let above = points.iter().position(|point| point.recall >= recall)?;
    let high = points[above];
    let Some(low) = above.checked_sub(1).map(|at| points[at]) else {
        return Some(high.qps);
    };
    let share = (recall - low.recall) / (high.recall - low.recall);
    Some((low.qps.ln() + share * (high.qps.ln() - low.qps.ln())).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(recall: f64, qps: f64) -> Point {
        Point { ef: 0, recall, qps }
    }

    #[test]
    fn speed_is_interpolated_between_points() {
        let points = [point(0.9, 1000.0), point(0.98, 250.0), point(0.995, 100.0)];
        let middle = qps_at(&points, 0.94).unwrap();
        assert!((middle - 500.0).abs() < 1e-6, "{middle}");
        assert_eq!(qps_at(&points, 0.5), Some(1000.0));
        assert_eq!(qps_at(&points, 0.999), None);
    }

    #[test]
    fn recall_counts_true_neighbours() {
        assert_eq!(recall_of(&[1, 2, 9], &[2, 3], &[2, 3, 9, 8], 2), 0.5);
    }

    #[test]
    fn a_sweep_ends_when_everything_is_found() {
        let truth = [0, 1, 2, 3];
        let mut what = Sweep {
            truth: &truth,
            k: 2,
            runs: 3,
            efs: &[],
        };
        let search = |query: &u32, ef, found: &mut Vec<u32>| {
            found.extend([*query, if ef < 16 { 99 } else { query + 1 }]);
        };
        let points = sweep(&[0, 2], &what, search);
        assert_eq!(
            points.iter().map(|point| point.ef).collect::<Vec<_>>(),
            [10, 12, 14, 16]
        );
        assert_eq!(points[0].recall, 0.5);
        assert_eq!(points[3].recall, 1.0);
        what.efs = &[16, 10];
        let points = sweep(&[0, 2], &what, search);
        assert_eq!(points.len(), 2, "all that were named");
        assert_eq!(points[1].recall, 0.5);
    }
}
