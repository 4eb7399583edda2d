//! The shell around the engine: open, recover, group commit, background work.
