//! What has happened so far, counted without locks.

use std::sync::atomic::{AtomicU64, Ordering};

/// Commits of one journal.
#[derive(Default)]
pub(crate) struct CommitCounters {
    commits: AtomicU64,
    commit_us: AtomicU64,
    changes: AtomicU64,
    change_us: AtomicU64,
}

/// Commits of one collection since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitStats {
    /// Log entries with operations.
    pub commits: u64,
    /// Microseconds spent applying and appending them.
    pub commit_us: u64,
    /// Changes of callers in them.
    pub changes: u64,
    /// Microseconds that callers waited from asking to being answered, summed.
    pub change_us: u64,
}

impl CommitCounters {
    /// Counts one commit that took `commit_us`, and how long each of its callers waited.
    pub(crate) fn committed(&self, commit_us: u64, waited_us: impl Iterator<Item = u64>) {
        let (changes, change_us) = waited_us.fold((0, 0), |(n, sum), us| (n + 1, sum + us));
        for (counter, by) in [
            (&self.commits, 1),
            (&self.commit_us, commit_us),
            (&self.changes, changes),
            (&self.change_us, change_us),
        ] {
            counter.fetch_add(by, Ordering::Relaxed);
        }
    }

    pub(crate) fn stats(&self) -> CommitStats {
        CommitStats {
            commits: self.commits.load(Ordering::Relaxed),
            commit_us: self.commit_us.load(Ordering::Relaxed),
            changes: self.changes.load(Ordering::Relaxed),
            change_us: self.change_us.load(Ordering::Relaxed),
        }
    }
}
