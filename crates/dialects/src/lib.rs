//! The registry of dialects.
