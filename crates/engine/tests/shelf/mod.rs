//! Where tests keep the parts of segments: a map.

use std::collections::BTreeMap;

use bytes::Bytes;
use skerry_engine::{Blocks, Installed, Job, PartRef, Progress, SegmentId};

/// Parts by key.
#[derive(Default)]
pub(crate) struct Shelf {
    parts: BTreeMap<String, Vec<(String, Bytes)>>,
    next: u128,
}

struct Unwatched;

impl Progress for Unwatched {
    fn report(&self, _done: u64, _total: u64) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

impl Shelf {
    /// Runs `job`, stores its parts and opens them again.
    pub(crate) fn run(&mut self, job: Job) -> Installed {
        let output = job.run(&Unwatched).unwrap();
        self.next += 1;
        let id = output.extends().unwrap_or(SegmentId(self.next));
        let mut opened = Vec::new();
        for part in output.parts() {
            self.next += 1;
            let key = format!("{}", self.next);
            self.parts.insert(key.clone(), part.blocks.clone());
            let part = PartRef {
                kind: part.kind.clone(),
                key,
            };
            opened.push((part.clone(), self.open(&part)));
        }
        output.open(id, opened).unwrap()
    }

    /// Everything that was ever stored.
    #[allow(dead_code, reason = "not every suite compares what is stored")]
    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<(String, Bytes)>> {
        self.parts.clone()
    }

    /// The blocks of a stored part.
    pub(crate) fn open(&self, part: &PartRef) -> Blocks {
        // Copied, so that nothing depends on being the very bytes that were written; and one byte
        // off, so that nothing depends on their alignment.
        let copy = |bytes: &Bytes| Bytes::from([&[0][..], bytes].concat()).slice(1..);
        let blocks = &self.parts[&part.key];
        Blocks::new(
            blocks
                .iter()
                .map(|(name, bytes)| (name.clone(), copy(bytes)))
                .collect(),
        )
    }
}
