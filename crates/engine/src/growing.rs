//! Growing data: a list of blocks of which neighbours of similar size are merged.
//!
//! Every operation adds one block. When four neighbours are of about one size they become one, as
//! a counter in base four carries: there are never more than a few blocks per power of four, and a
//! row is copied once per power. Blocks beyond [`FROZEN_BYTES`] are left alone until they are
//! sealed, which bounds the time that any single merge can take.
//!
//! Nobody waits for a merge that can come later: it is due when the callers have their answers,
//! and only many operations at once make it part of the last of them.

use model::{Error, Schema};
use rows::RowSet;

use crate::block::RowBlock;
use crate::segment::{LiveSegment, Segment};

/// Neighbours of one size that are merged.
const FAN_IN: usize = 4;

/// So many are merged at once, without waiting for a better moment.
const OVERDUE: usize = 4 * FAN_IN;

/// Blocks of at least so many bytes are not merged any more.
const FROZEN_BYTES: usize = 4 << 20;

/// Adds `block` as the newest, and merges what nobody has merged for too long.
pub(crate) fn push(
    growing: &mut Vec<LiveSegment>,
    block: RowBlock,
    schema: &Schema,
) -> Result<(), Error> {
    growing.retain(|segment| segment.kept_rows() > 0);
    if block.len() > 0 {
        growing.push(LiveSegment::new(Segment::growing(block)));
    }
    merge_runs(growing, OVERDUE, schema)?;
    Ok(())
}

/// Merges what has become mergeable; whether there was anything.
pub(crate) fn tidy(growing: &mut Vec<LiveSegment>, schema: &Schema) -> Result<bool, Error> {
    merge_runs(growing, FAN_IN, schema)
}

/// Merges runs of at least `fan_in` neighbours of one size; whether there was one.
fn merge_runs(
    growing: &mut Vec<LiveSegment>,
    fan_in: usize,
    schema: &Schema,
) -> Result<bool, Error> {
    let mut found = false;
    while let Some(from) = mergeable(growing, fan_in) {
        found = true;
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
    Ok(found)
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
fn mergeable(growing: &[LiveSegment], fan_in: usize) -> Option<usize> {
    let size = |segment: &LiveSegment| segment.kept_rows().max(1).ilog2() / FAN_IN.ilog2();
    let newest = size(growing.last()?);
    let run = growing
        .iter()
        .rev()
        .take_while(|segment| {
            segment.segment.block.bytes_len() < FROZEN_BYTES && size(segment) <= newest
        })
        .count();
    (run >= fan_in).then(|| growing.len() - run)
}
