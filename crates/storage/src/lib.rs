//! Durable state as immutable objects: blob stores, the log, checkpoints, segment files.
