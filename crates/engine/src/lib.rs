//! Collections, segments, planning and executing searches. Synchronous, no I/O, no clock.

mod array;
mod block;
mod block_error;
mod collection;
mod deleted;
mod filter_cache;
mod graph;
mod growing;
mod ids;
mod info;
mod install;
mod job;
mod manifest;
mod part;
mod plan;
mod policy;
mod retrieve;
mod scroll;
mod search;
mod segment;
mod select;
mod settings;
mod source;
mod vectors;
mod walk_by_id;
mod walk_by_value;
mod write;

pub use collection::{Collection, GrowingStats};
pub use install::Installed;
pub use job::{Job, JobKind, JobOutput, Progress};
pub use manifest::{Manifest, SegmentManifest};
pub use part::{Blocks, NewPart, PartKind, PartRef, SegmentId};
pub use plan::{Plan, PlanSwitches};
pub use policy::JobPolicy;
pub use search::ScratchPool;
