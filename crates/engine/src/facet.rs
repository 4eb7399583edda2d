//! How many points have each value of an indexed path.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use filter::{Column, Facets, compile};
use model::aggregate::{Facet, FacetHit, FacetValue};
use model::{Error, ErrorKind, Subject};
use rows::BitSet;

use crate::collection::Collection;
use crate::segment::LiveSegment;
use crate::source::Source;

/// The counts of one segment, ascending by value.
struct Run<'a> {
    facets: Facets<'a>,
    head: Option<(FacetValue, u64)>,
}

impl Collection {
    /// The most frequent values at `facet.path` first, equal counts ascending by value. Always
    /// exact: columns give the counts of all values for about the price of one.
    ///
    /// # Errors
    /// `Invalid` about the field when no payload index counts the values at the path.
    pub fn facet(&self, facet: &Facet) -> Result<Vec<FacetHit>, Error> {
        let index = self.schema.index(&facet.path);
        let index = index.ok_or_else(|| no_index(facet))?;
        let columns: Vec<(Arc<Column>, Option<BitSet>)> = self
            .segments()
            .map(|live| {
                let segment = &live.segment;
                let column = segment.column_or_build(index, &self.schema);
                (column, self.kept(live, facet))
            })
            .collect();
        let mut runs = Vec::with_capacity(columns.len());
        for (column, kept) in &columns {
            let facets = column.facets(kept.as_ref());
            let mut facets = facets.ok_or_else(|| no_index(facet))?;
            let head = facets.next();
            runs.push(Run { facets, head });
        }
        if runs.is_empty() && !filter::can_count(index.params.kind) {
            return Err(no_index(facet));
        }
        Ok(most_frequent(runs, facet.limit))
    }

    /// The live rows that match; `None`: all rows of the segment.
    fn kept(&self, live: &LiveSegment, facet: &Facet) -> Option<BitSet> {
        let rows = live.segment.block.len();
        match &facet.filter {
            None if live.deleted.rows().is_empty() => None,
            None => Some(live.deleted.live_bits(rows).clone()),
            Some(filter) => {
                let source = Source::new(&live.segment, &self.schema);
                let kept = compile(filter, &source).rows(Some(&live.live()));
                Some(kept.to_bits(rows as usize))
            }
        }
    }
}

/// The `limit` values of most points. The runs are merged value by value, so that no more than
/// the best so far are held.
fn most_frequent(mut runs: Vec<Run<'_>>, limit: usize) -> Vec<FacetHit> {
    // The worst on top: fewest points, and of those the largest value.
    let mut best: BinaryHeap<(Reverse<u64>, FacetValue)> = BinaryHeap::new();
    while let Some(value) = runs.iter().filter_map(|run| run.head.as_ref()).min() {
        let value = value.0.clone();
        let mut total = 0;
        for run in &mut runs {
            if run.head.as_ref().is_some_and(|(head, _)| *head == value) {
                let (_, count) = run.head.take().unwrap_or((value.clone(), 0));
                total += count;
                run.head = run.facets.next();
            }
        }
        best.push((Reverse(total), value));
        if best.len() > limit {
            best.pop();
        }
    }
    let hits = best.into_sorted_vec().into_iter();
    hits.map(|(Reverse(count), value)| FacetHit { value, count })
        .collect()
}

fn no_index(facet: &Facet) -> Error {
    Error::new(
        ErrorKind::Invalid,
        Subject::Field(facet.path.to_string()),
        format!("no payload index at `{}` counts values", facet.path),
    )
}
