//! Which job comes next: a pure function of the state.
//!
//! While writes arrive, only what keeps memory and the number of segments bounded is done. When
//! they pause, growing rows are sealed, small and hollow segments are merged *before* graphs are
//! built (so that each row is linked once), and what is missing is built. The jobs end: each leaves
//! fewer segments, fewer deleted rows or fewer missing parts than it found. Segments whose rows are
//! read by pages stay as they are.

use std::sync::Arc;

use model::{IndexChoice, Schema};

use crate::collection::Collection;
use crate::job::{Job, JobKind};
use crate::segment::LiveSegment;
use crate::vector_index::Wanted;

const MIB: u64 = 1 << 20;

/// Below this total, a segment must outweigh all smaller ones by [`SMALL_FACTOR`]: rebuilding it
/// is cheap, and every search is quicker in one segment than in two.
const SMALL_TOTAL_BYTES: u64 = 256 * MIB;
const SMALL_FACTOR: u64 = 16;

/// A row without vectors still weighs something.
const ROW_BYTES: u64 = 16;

/// When jobs are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobPolicy {
    /// No write arrived for a while: work that costs much may be done.
    pub idle: bool,
    /// Entries of the log that recovery would have to apply again.
    pub log_entries: u64,
    /// Growing data of so many bytes is sealed, idle or not …
    pub seal_bytes: u64,
    /// … and of so many rows.
    pub seal_rows: u64,
    /// When idle, so many growing rows are sealed …
    pub idle_seal_rows: u64,
    /// … or any, when the log has grown beyond so many entries.
    pub idle_log_entries: u64,
    /// More segments without graph than this are merged, idle or not.
    pub flat_segments_max: usize,
    /// More bytes of vectors than this without graph get one, idle or not.
    pub flat_bytes_max: u64,
}

impl Default for JobPolicy {
    /// Busy, an empty log.
    fn default() -> Self {
        Self {
            idle: false,
            log_entries: 0,
            seal_bytes: 32 * MIB,
            seal_rows: 1 << 16,
            idle_seal_rows: 1000,
            idle_log_entries: 256,
            flat_segments_max: 8,
            flat_bytes_max: 256 * MIB,
        }
    }
}

impl JobPolicy {
    /// The default for a collection that is not being written to.
    pub fn idle() -> Self {
        Self {
            idle: true,
            ..Self::default()
        }
    }
}

impl Collection {
    /// The job that should run now, if any.
    pub fn next_job(&self, policy: &JobPolicy) -> Option<Job> {
        self.next_seal(policy)
            .or_else(|| self.next_optimization(policy))
    }

    /// The sealing that should run now, if any. It may run beside an optimization.
    pub fn next_seal(&self, policy: &JobPolicy) -> Option<Job> {
        let growing = self.growing();
        let large = growing.rows >= policy.seal_rows || growing.bytes >= policy.seal_bytes;
        let settled = policy.idle
            && (growing.rows >= policy.idle_seal_rows
                || policy.log_entries > policy.idle_log_entries);
        let due = growing.rows > 0 && (large || settled);
        due.then(|| self.job(JobKind::Seal, self.growing.clone(), false))
    }

    /// The other job that should run now, if any. One at a time: two might work on one segment.
    pub fn next_optimization(&self, policy: &JobPolicy) -> Option<Job> {
        self.due_drop()
            .or_else(|| self.due_flat_merge(policy))
            .or_else(|| self.due_busy_graph(policy))
            .or_else(|| {
                // What is about to be sealed should be merged in before a graph is built.
                let settled = policy.idle && self.next_seal(policy).is_none();
                settled.then(|| self.due_when_idle()).flatten()
            })
    }

    /// A sealed segment without live rows goes at once.
    fn due_drop(&self) -> Option<Job> {
        let dead = self.sealed.iter().find(|live| live.kept_rows() == 0)?;
        Some(self.job(JobKind::Merge, vec![dead.clone()], false))
    }

    fn due_flat_merge(&self, policy: &JobPolicy) -> Option<Job> {
        let flat = self.sealed.iter().filter(|live| !self.has_index(live));
        let mut flat: Vec<&LiveSegment> = flat.collect();
        if flat.len() <= policy.flat_segments_max {
            return None;
        }
        flat.sort_by_key(|live| self.weight(live));
        // As many of the smallest as fit.
        let mut bytes = 0;
        let fitting = flat.iter().take_while(|live| {
            bytes += live.all_vector_bytes();
            bytes <= self.segment_bytes_max()
        });
        let sources: Vec<LiveSegment> = fitting.map(|&live| live.clone()).collect();
        (sources.len() > 1).then(|| self.job(JobKind::Merge, sources, false))
    }

    fn due_busy_graph(&self, policy: &JobPolicy) -> Option<Job> {
        let flat = self.sealed.iter().filter(|live| !self.has_index(live));
        let bytes: u64 = flat.map(|live| live.all_vector_bytes()).sum();
        if bytes <= policy.flat_bytes_max {
            return None;
        }
        self.due_graph()
    }

    fn due_when_idle(&self) -> Option<Job> {
        self.due_vacuum()
            .or_else(|| self.due_merge())
            .or_else(|| self.due_column())
            .or_else(|| self.due_graph())
    }

    fn due_vacuum(&self) -> Option<Job> {
        let settings = &self.schema.segments;
        let hollow = self.rewritable().find(|live| {
            let rows = live.segment.block.len();
            let deleted = rows - live.kept_rows();
            rows >= settings.vacuum_rows_min
                && f64::from(deleted) > settings.vacuum_deleted_share * f64::from(rows)
        })?;
        Some(self.job(JobKind::Merge, vec![hollow.clone()], self.has_index(hollow)))
    }

    /// A segment should outweigh all smaller ones together: then a row is rewritten a logarithmic
    /// number of times, and segments are few.
    fn due_merge(&self) -> Option<Job> {
        let mut by_weight: Vec<&LiveSegment> = self.rewritable().collect();
        by_weight.sort_by_key(|live| std::cmp::Reverse(self.weight(live)));
        for at in 0..by_weight.len().saturating_sub(1) {
            let (heavy, rest) = (self.weight(by_weight[at]), &by_weight[at + 1..]);
            let light: u64 = rest.iter().map(|live| self.weight(live)).sum();
            let factor = if heavy + light <= SMALL_TOTAL_BYTES {
                SMALL_FACTOR
            } else {
                1
            };
            let sources = &by_weight[at..];
            let bytes: u64 = sources.iter().map(|s| s.all_vector_bytes()).sum();
            if heavy <= factor * light && bytes <= self.segment_bytes_max() {
                // Graphs serve searches until the merged segment has one too.
                let graphs = sources.iter().any(|live| self.has_index(live));
                let sources = sources.iter().map(|&live| live.clone()).collect();
                return Some(self.job(JobKind::Merge, sources, graphs));
            }
        }
        None
    }

    fn due_column(&self) -> Option<Job> {
        let live = self.sealed.iter().find(|live| {
            let indexes = self.schema.indexes.iter();
            indexes
                .clone()
                .any(|index| live.segment.column(index).is_none())
        })?;
        Some(self.job(JobKind::Columns, vec![live.clone()], false))
    }

    /// The heaviest segment first: it gains most.
    fn due_graph(&self) -> Option<Job> {
        let wanting = self.rewritable().filter(|live| {
            let mut fields = 0..self.schema.vectors.len();
            fields.any(|at| wants_index(live, at, &self.schema).is_some())
        });
        let heaviest = wanting.max_by_key(|live| self.weight(live))?;
        Some(self.job(JobKind::Graphs, vec![heaviest.clone()], true))
    }

    /// Sealed segments all of whose rows are at hand. Who reads rows by pages has not the memory
    /// to make new segments of them.
    fn rewritable(&self) -> impl Iterator<Item = &LiveSegment> {
        self.sealed.iter().filter(|live| !live.segment.is_paged())
    }

    fn job(&self, kind: JobKind, sources: Vec<LiveSegment>, graphs: bool) -> Job {
        Job::new(kind, Arc::clone(&self.schema), sources, graphs)
    }

    fn has_index(&self, live: &LiveSegment) -> bool {
        (0..self.schema.vectors.len()).any(|field| live.segment.index(field).is_some())
    }

    fn weight(&self, live: &LiveSegment) -> u64 {
        live.all_vector_bytes() + ROW_BYTES * u64::from(live.kept_rows())
    }

    fn segment_bytes_max(&self) -> u64 {
        u64::from(self.schema.segments.segment_kb_max) * 1024
    }
}

/// The index that the vectors of the field at position `at` should have and do not, or have of
/// other settings.
pub(crate) fn wants_index(live: &LiveSegment, at: usize, schema: &Schema) -> Option<Wanted> {
    let wanted = Wanted::of(schema, at)?;
    if live
        .segment
        .index(at)
        .is_some_and(|index| index.is(&wanted))
    {
        return None;
    }
    let threshold = u64::from(schema.segments.indexing_threshold_kb) * 1024;
    let large = match schema.index_of(&schema.vectors[at]) {
        IndexChoice::Exact => false,
        IndexChoice::Graph(_) | IndexChoice::Ivf(_) => live.vector_bytes(at) > threshold,
        // Fewer rows are scanned anyway.
        IndexChoice::Postings(config) => {
            live.segment.block.vectors[at].count() >= (config.full_scan_rows as usize).max(1)
        }
    };
    (threshold > 0 && large).then_some(wanted)
}
