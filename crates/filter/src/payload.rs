//! Payload edits by path: merging fields in, removing values, projecting.
