//! How large a collection is, in points and bytes.

use model::{CollectionSize, SegmentSize};

use crate::collection::Collection;
use crate::job::Job;
use crate::policy::JobPolicy;
use crate::segment::LiveSegment;

impl Collection {
    /// Live points and the bytes that their vectors and payloads take.
    pub fn size(&self) -> CollectionSize {
        let mut size = CollectionSize::default();
        for live in self.segments() {
            size.points += u64::from(live.live_rows());
            size.vector_bytes += live.all_vector_bytes();
            size.payload_bytes += payload_bytes(live);
        }
        size
    }

    /// Live vectors by field, in the order of the schema.
    pub fn vector_counts(&self) -> Vec<u64> {
        let count = |at: usize| {
            let live = self.segments().map(|live| {
                let stored = &live.segment.block.vectors[at];
                let deleted = live.deleted.rows();
                let gone = deleted.iter().filter(|&row| stored.has(row)).count();
                (stored.count() - gone) as u64
            });
            live.sum()
        };
        (0..self.schema.vectors.len()).map(count).collect()
    }

    /// All segments.
    pub fn segment_sizes(&self) -> Vec<SegmentSize> {
        sizes(self.segments())
    }

    /// What an idle collection would begin next: a sealing, another job, or both.
    pub fn due_jobs(&self, policy: &JobPolicy) -> Vec<Job> {
        let jobs = [self.next_seal(policy), self.next_optimization(policy)];
        jobs.into_iter().flatten().collect()
    }
}

impl Job {
    /// The segments that it works on.
    pub fn segment_sizes(&self) -> Vec<SegmentSize> {
        sizes(self.live_sources())
    }
}

fn sizes<'a>(segments: impl Iterator<Item = &'a LiveSegment>) -> Vec<SegmentSize> {
    let mut growing = 0;
    let size = |live: &LiveSegment| {
        let id = live.segment.id.map_or_else(
            || {
                growing += 1;
                growing - 1
            },
            |id| id.0,
        );
        let points = u64::from(live.live_rows());
        SegmentSize { id, points }
    };
    segments.map(size).collect()
}

/// Bytes of the live payloads, deleted ones taken off by their share.
fn payload_bytes(live: &LiveSegment) -> u64 {
    let rows = u64::from(live.segment.block.len()).max(1);
    let stored = live.segment.block.payloads_len() as u64;
    stored * u64::from(live.live_rows()) / rows
}
