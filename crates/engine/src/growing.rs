//! Growing data: a list of blocks of which neighbours of similar size are merged.
//!
//! Every commit adds one block. When four neighbours are of about one size they become one, as a
//! counter in base four carries: there are never more than a few blocks per power of four, and a
//! row is copied once per power. Blocks beyond [`FROZEN_BYTES`] are left alone until they are
//! sealed, which bounds the time that any single write can take.

use model::{Error, Schema};
use rows::RowSet;

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
    growing.retain(|segment| segment.kept_rows() > 0);
    if block.len() > 0 {
        growing.push(LiveSegment::new(Segment::growing(block)));
    }
    while let Some(from) = mergeable(growing) {
        let merged = merge(&growing[from..], schema)?;
        let hidden = concealed(&growing[from..], &merged);
        growing.truncate(from);
        let merged = LiveSegment::new(Segment::growing(merged));
        growing.push(if hidden.is_empty() {
            merged
        } else {
            merged.concealing(hidden)
        });
    }
    Ok(())
}

/// The rows of `merged` that are concealed in the segments that it was made of.
fn concealed(segments: &[LiveSegment], merged: &RowBlock) -> RowSet {
    let hidden = segments.iter().flat_map(|live| {
        let ids = &live.segment.block.ids;
        let rows = live.deleted.concealed().iter();
        rows.filter_map(|row| merged.ids.find(ids.get(row)))
    });
    hidden.collect()
}

/// The rows of `segments` that are not gone, as one block.
pub(crate) fn merge(segments: &[LiveSegment], schema: &Schema) -> Result<RowBlock, Error> {
    let gone: Vec<RowSet> = segments.iter().map(|live| live.deleted.gone()).collect();
    let blocks = segments.iter().map(|live| &*live.segment.block);
    let sources: Vec<_> = blocks.zip(&gone).collect();
    RowBlock::merge(&sources, schema)
}

/// Where the newest blocks begin that should become one.
fn mergeable(growing: &[LiveSegment]) -> Option<usize> {
    let size = |segment: &LiveSegment| segment.kept_rows().max(1).ilog2() / FAN_IN.ilog2();
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
