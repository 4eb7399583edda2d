//! Catalog, collections, segments, planning and executing searches. Synchronous, no I/O.
