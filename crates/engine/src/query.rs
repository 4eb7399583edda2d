//! Executing a search: prefetches from the inside out, then what ranks their results, all on one
//! state.
//!
//! | module | what is in it |
//! |---|---|
//! | `resolve` | points that are inputs become the vectors that they carry |
//! | `stage` | one search of a search, and what it ranks |
//! | `examples` | scores that depend on several vectors |
//! | `diverse` | results that are unlike each other |
//! | `fusion` | several orders become one |
//! | `formula` | scores that are computed from scores and payloads |

mod diverse;
pub(crate) mod examples;
mod formula;
mod fusion;
mod resolve;
mod stage;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeSet;

use model::query::PREFETCH_DEPTH_MAX;
use model::reply::OrderValue;
use model::{Error, Filter, Metric, Prefetch, Rank, Search, VectorQuery};
use rows::{RowId, rank_key};

use crate::collection::{Collection, Place};
use crate::ids::IdRef;
use crate::plan::PlanSwitches;
use crate::search::ScratchPool;

/// The score of points that a search ranks by nothing or by a payload value.
const UNRANKED_SCORE: f32 = 1.0;

/// A row found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hit {
    pub(crate) place: Place,
    pub(crate) score: f32,
    pub(crate) order_value: Option<OrderValue>,
}

impl Hit {
    fn scored(place: Place, score: f32) -> Self {
        Self {
            place,
            score,
            order_value: None,
        }
    }
}

/// How a score is told outside of the comparison that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// As it is.
    Score,
    /// As the root of its negation: the Euclidean distance.
    Root,
    /// As its negation: a distance.
    Negation,
}

impl Told {
    fn of(self, score: f32) -> f32 {
        match self {
            Self::Score => score,
            // The root is exact to the last bit on every processor.
            Self::Root => score.abs().sqrt(),
            Self::Negation => score.abs(),
        }
    }
}

/// What a search inside a search found, in its order.
struct Found {
    hits: Vec<Hit>,
    told: Told,
}

/// What the searches of one search have in common.
struct Run<'a> {
    collection: &'a Collection,
    scratch: &'a ScratchPool,
    switches: PlanSwitches,
    /// Points that are inputs, which nothing finds.
    inputs: BTreeSet<Place>,
}

impl Collection {
    /// The rows that `search` finds, best first, without those that it skips.
    ///
    /// # Errors
    /// As [`Collection::search`].
    pub(crate) fn hits(
        &self,
        search: &Search,
        scratch: &ScratchPool,
        switches: PlanSwitches,
    ) -> Result<Vec<Hit>, Error> {
        check_depth(&search.prefetch)?;
        let mut search = Cow::Borrowed(search);
        let mut inputs = BTreeSet::new();
        if names_points(search.rank.as_ref(), &search.prefetch) {
            inputs = self.resolve_own(search.to_mut())?;
        }
        let run = Run {
            collection: self,
            scratch,
            switches,
            inputs,
        };
        let sampled = matches!(search.rank, Some(Rank::Sample { .. }));
        let skipped = if sampled && search.prefetch.is_empty() {
            0
        } else {
            search.offset
        };
        let found = run.stage(&stage::Stage {
            prefetch: &search.prefetch,
            rank: search.rank.as_ref(),
            filter: search.filter.as_ref().map(Cow::Borrowed),
            params: &search.params,
            bound: search.score_bound,
            limit: search.limit.saturating_add(skipped),
            page: search.limit,
        })?;
        Ok(found.hits.into_iter().skip(skipped).collect())
    }

    fn id_at(&self, place: Place) -> IdRef<'_> {
        let block = &self.segment(place.segment).segment.block;
        block.ids.get(place.row)
    }

    /// The best `limit` hits, best first; equal scores by ascending id.
    fn best(&self, mut hits: Vec<Hit>, limit: usize) -> Vec<Hit> {
        // The rank of a score, of NaN too, is that of the collectors inside the segments.
        hits.sort_unstable_by_key(|hit| {
            (
                Reverse(rank_key(RowId(0), hit.score)),
                self.id_at(hit.place),
            )
        });
        hits.truncate(limit);
        hits
    }
}

fn check_depth(prefetch: &[Prefetch]) -> Result<(), Error> {
    let depth = prefetch.iter().map(Prefetch::depth).max().unwrap_or(0);
    if depth > PREFETCH_DEPTH_MAX {
        return Err(Error::invalid(format!(
            "prefetches depth {depth} exceeds max depth {PREFETCH_DEPTH_MAX}"
        )));
    }
    Ok(())
}

/// Whether an input anywhere is the vector of a point.
fn names_points(rank: Option<&Rank>, prefetch: &[Prefetch]) -> bool {
    let names = |rank: &Rank| {
        let inputs = rank.inputs();
        inputs
            .into_iter()
            .any(|input| matches!(input, VectorQuery::Point(_)))
    };
    rank.is_some_and(names)
        || prefetch
            .iter()
            .any(|inner| names_points(inner.rank.as_ref(), &inner.prefetch))
}

/// How similarities of a metric are told.
fn told(metric: Metric) -> Told {
    match metric {
        Metric::L2 => Told::Root,
        Metric::L1 => Told::Negation,
        Metric::Dot
        | Metric::Cosine
        | Metric::Hamming
        | Metric::Jaccard
        | Metric::Tanimoto
        | Metric::Substructure
        | Metric::Superstructure => Told::Score,
    }
}

/// Both conditions, as far as there are any.
fn both<'a>(outer: Option<&Cow<'a, Filter>>, inner: Option<&'a Filter>) -> Option<Cow<'a, Filter>> {
    match (outer, inner) {
        (None, None) => None,
        (Some(outer), None) => Some(outer.clone()),
        (None, Some(inner)) => Some(Cow::Borrowed(inner)),
        (Some(outer), Some(inner)) => {
            let parts = vec![outer.as_ref().clone(), inner.clone()];
            Some(Cow::Owned(Filter::All(parts)))
        }
    }
}
