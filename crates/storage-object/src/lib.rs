//! Blob stores for local directories and memory.
