//! Builders of HNSW graphs: one input, one output, several ways.

mod batch;
mod capture;
mod instant;
pub(crate) mod reach;
mod twins;

use crate::codes::Codes;
use crate::graph::Links;
use crate::hnsw::HnswParams;

/// Which builder makes the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BuilderKind {
    /// The one that serves the block's size best, by measurement.
    #[default]
    Auto,
    /// The crate `instant-distance`.
    InstantDistance,
    /// Our own: rows inserted in batches, in parallel, reproducibly.
    Batches,
}

/// What a builder works on.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    /// The codes of all rows of the block: distances while building are distances of codes.
    pub(crate) codes: &'a Codes,
    /// The rows to link, ascending, no two with equal codes.
    pub(crate) rows: &'a [u32],
    /// Told `(done, total)` in rows now and then.
    pub(crate) progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// Makes a graph over the rows of an [`Input`]. Equal input and parameters give an equal graph.
pub(crate) trait Builder {
    /// Links the rows of `input`.
    fn build(&self, input: &Input<'_>, params: &HnswParams) -> Links;
}

/// Smallest and largest `M`: below, graphs fall apart; above, every step costs more than it gains.
const M_RANGE: std::ops::RangeInclusive<usize> = 4..=32;

/// Builds the graph of `input` with the builder that `params` asks for.
pub(crate) fn build(input: &Input<'_>, params: &HnswParams) -> Links {
    let m = params.m.clamp(*M_RANGE.start(), *M_RANGE.end());
    let params = HnswParams {
        m,
        ef_construct: params.ef_construct.max(2 * m),
        ..*params
    };
    let builder: &dyn Builder = match params.builder {
        BuilderKind::InstantDistance => &instant::InstantDistance,
        BuilderKind::Auto | BuilderKind::Batches => &batch::Batches,
    };
    let groups = twins::group(input.codes, input.rows);
    let mut links = builder.build(
        &Input {
            rows: &groups.heads,
            ..*input
        },
        &params,
    );
    twins::attach(&mut links, &groups.twins);
    reach::connect(&mut links, input.rows);
    (input.progress)(input.rows.len(), input.rows.len());
    links
}
