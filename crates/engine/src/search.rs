//! Searches: ranked by similarity, by a payload value, or by id.

use std::cmp::Reverse;
use std::sync::{Mutex, PoisonError};

use index::Scratch;
use model::{
    Error, ErrorKind, Metric, PointId, Rank, ScoredPoint, Search, Subject, VectorKind, VectorName,
    VectorQuery,
};
use rows::{RowId, rank_key};

use crate::collection::{Collection, Place};
use crate::ids::IdRef;
use crate::plan::{self, Nearest, PlanSwitches};
use crate::write::check_dense;

/// The score of points that a search ranks by nothing or by a payload value.
const UNRANKED_SCORE: f32 = 1.0;

/// Working memory of searches, reused from one to the next. One pool serves all collections and
/// threads.
#[derive(Debug, Default)]
pub struct ScratchPool(Mutex<Vec<Scratch>>);

impl ScratchPool {
    /// An empty pool; it grows to as many as there are searches at the same time.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = taken.unwrap_or_default();
        let result = work(&mut scratch);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(scratch);
        result
    }
}

impl Collection {
    /// The best points for `search`, best first; equal scores by ascending id.
    ///
    /// # Errors
    /// - `Invalid` when the vector does not fit its field, the field does not exist, or no payload
    ///   index gives the order asked for.
    /// - `NotFound` when the query names a missing point or one without the vector.
    /// - `Corrupt` when a stored payload is malformed.
    pub fn search(
        &self,
        search: &Search,
        scratch: &ScratchPool,
    ) -> Result<Vec<ScoredPoint>, Error> {
        self.search_with(search, scratch, PlanSwitches::default())
    }

    /// As [`Collection::search`], with plans switched off: the answers must not depend on it.
    ///
    /// # Errors
    /// As [`Collection::search`].
    pub fn search_with(
        &self,
        search: &Search,
        scratch: &ScratchPool,
        switches: PlanSwitches,
    ) -> Result<Vec<ScoredPoint>, Error> {
        let filter = search.filter.as_ref();
        let ranked = match &search.rank {
            Some(Rank::Nearest { field, to }) => {
                return self.search_nearest(search, field, to, scratch, switches);
            }
            Some(Rank::OrderBy(order)) => self
                .by_value(order, filter, search.offset, search.limit)?
                .into_iter()
                .map(|(value, place)| (place, Some(value)))
                .collect(),
            None => {
                let places = self.by_id(filter, None, search.offset, search.limit);
                places
                    .into_iter()
                    .map(|place| (place, None))
                    .collect::<Vec<_>>()
            }
        };
        let above = search
            .score_above
            .is_none_or(|above| UNRANKED_SCORE > above);
        ranked
            .into_iter()
            .filter(|_| above)
            .map(|(place, order_value)| {
                let record = self.record(place, &search.select)?;
                Ok(ScoredPoint {
                    record,
                    score: UNRANKED_SCORE,
                    order_value,
                })
            })
            .collect()
    }

    fn search_nearest(
        &self,
        search: &Search,
        field: &VectorName,
        to: &VectorQuery,
        scratch: &ScratchPool,
        switches: PlanSwitches,
    ) -> Result<Vec<ScoredPoint>, Error> {
        let at = self.field(field)?;
        let (vector, itself) = self.query_vector(at, to)?;
        let end = search.offset.saturating_add(search.limit);
        let ask = Nearest {
            field: at,
            vector: &vector,
            // The point itself is found too and then left out.
            wanted: end.saturating_add(usize::from(itself.is_some())),
            filter: search.filter.as_ref(),
            params: search.params,
            switches,
        };
        let mut hits = self.nearest(&ask, scratch);
        hits.retain(|hit| itself != Some(hit.place));
        if let Some(above) = search.score_above {
            hits.retain(|hit| hit.score > above);
        }
        let page = hits.into_iter().take(end).skip(search.offset);
        page.map(|hit| {
            let record = self.record(hit.place, &search.select)?;
            Ok(ScoredPoint {
                record,
                score: hit.score,
                order_value: None,
            })
        })
        .collect()
    }

    /// The vector to compare with, as stored vectors are prepared, and where it is stored.
    fn query_vector(
        &self,
        field: usize,
        to: &VectorQuery,
    ) -> Result<(Vec<f32>, Option<Place>), Error> {
        let kind = self.schema.vectors[field].kind;
        match to {
            VectorQuery::Vector(vector) => {
                let mut vector = check_dense(vector, kind)?.to_vec();
                let VectorKind::Dense { metric, .. } = kind;
                if metric == Metric::Cosine {
                    kernels::float::normalize(&mut vector);
                }
                Ok((vector, None))
            }
            VectorQuery::Point(id) => {
                let place = self.must_locate(id)?;
                let block = &self.segment(place.segment).segment.block;
                let vector = block.vectors[field].get(place.row);
                let vector = vector.ok_or_else(|| self.no_vector(id, field))?;
                Ok((vector.to_vec(), Some(place)))
            }
        }
    }

    fn no_vector(&self, id: &PointId, field: usize) -> Error {
        let name = self.schema.vectors[field].name.as_str();
        Error::new(
            ErrorKind::NotFound,
            Subject::PointVector {
                point: id.clone(),
                vector: name.to_owned(),
            },
            format!("point {id} has no vector `{name}`"),
        )
    }

    /// The best hits of all segments, best first; equal scores by ascending id.
    fn nearest(&self, ask: &Nearest<'_>, scratch: &ScratchPool) -> Vec<Hit<'_>> {
        let mut hits: Vec<Hit<'_>> = Vec::new();
        scratch.with(|scratch| {
            for (at, live) in self.segments().enumerate() {
                let found = plan::nearest(live, &self.schema, ask, scratch);
                hits.extend(found.into_iter().map(|scored| Hit {
                    score: scored.score,
                    id: live.segment.block.ids.get(scored.row),
                    place: Place {
                        segment: at,
                        row: scored.row,
                    },
                }));
            }
        });
        // The rank of a score, of NaN too, is that of the collectors inside the segments.
        hits.sort_unstable_by_key(|hit| (Reverse(rank_key(RowId(0), hit.score)), hit.id));
        hits.truncate(ask.wanted);
        hits
    }
}

/// A row found.
struct Hit<'a> {
    score: f32,
    id: IdRef<'a>,
    place: Place,
}
