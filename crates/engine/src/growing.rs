//! Growing data: a list of blocks of which neighbours of similar size are merged.
//!
//! Every commit adds one block. When four neighbours are of about one size they become one, as a
//! counter in base four carries: there are never more than a few blocks per power of four, and a
//! row is copied once per power. Blocks beyond [`FROZEN_BYTES`] are left alone until they are
//! sealed, which bounds the time that any single write can take.

use model::{Error, Schema};

use crate::block::RowBlock;
use crate::segment::{LiveSegment, Segment};

/// Neighbours of one size that are merged.
const FAN_IN: usize = 4;

/// Blocks of at least so many bytes are not merged any more.
const FROZEN_BYTES: usize = 4 << 20;

/// Adds `block` as the newest and merges what has become mergeable.
pub(crate) fn push(
    growing: &mut Vec<LiveSegment>,
    block: RowBlock,
    schema: &Schema,
) -> Result<(), Error> {
    growing.retain(|segment| segment.live_rows() > 0);
    if block.len() > 0 {
        growing.push(LiveSegment::new(Segment::growing(block)));
    }
    while let Some(from) = mergeable(growing) {
        let merged = merge(&growing[from..], schema)?;
        growing.truncate(from);
        growing.push(LiveSegment::new(Segment::growing(merged)));
    }
    Ok(())
}

/// The live rows of `segments` as one block.
pub(crate) fn merge(segments: &[LiveSegment], schema: &Schema) -> Result<RowBlock, Error> {
    let sources: Vec<_> = segments
        .iter()
        .map(|live| (&*live.segment.block, live.deleted.rows()))
        .collect();
    RowBlock::merge(&sources, schema)
}

/// Where the newest blocks begin that should become one.
fn mergeable(growing: &[LiveSegment]) -> Option<usize> {
    let size = |segment: &LiveSegment| segment.live_rows().max(1).ilog2() / FAN_IN.ilog2();
    let newest = size(growing.last()?);
    let run = growing
        .iter()
        .rev()
        .take_while(|segment| {
            segment.segment.block.bytes_len() < FROZEN_BYTES && size(segment) <= newest
        })
        .count();
    (run >= FAN_IN).then(|| growing.len() - run)
}
