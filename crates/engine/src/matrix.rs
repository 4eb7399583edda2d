//! The nearest neighbours of points of a sample, within the sample.

use std::collections::BTreeMap;

use model::aggregate::{Matrix, MatrixRows};
use model::{Error, Filter, PointId, Rank, Search, SearchParams, Select, VectorQuery};

use crate::collection::Collection;
use crate::patience::Patience;
use crate::search::ScratchPool;

impl Collection {
    /// Samples points by `seed` and compares each with all others of the sample; exact.
    ///
    /// # Errors
    /// `Invalid` about the field when there is none of that name; those of
    /// [`Collection::search`] and of `patience`, which is asked before every search.
    pub fn matrix(
        &self,
        matrix: &Matrix,
        seed: u64,
        scratch: &ScratchPool,
        patience: Patience<'_>,
    ) -> Result<MatrixRows, Error> {
        let field = self.field(&matrix.field)?;
        let places = self.sample(matrix.filter.as_ref(), Some(field), matrix.sample, seed);
        if places.len() < 2 {
            return Ok(MatrixRows::default());
        }
        let id = |place: &crate::collection::Place| -> PointId {
            let block = &self.segment(place.segment).segment.block;
            block.ids.get(place.row).into()
        };
        let mut ids: Vec<PointId> = places.iter().map(id).collect();
        ids.sort_unstable();
        let columns: BTreeMap<&PointId, usize> =
            ids.iter().enumerate().map(|(at, id)| (id, at)).collect();
        let mut search = Search {
            collection: matrix.collection.clone(),
            rank: None,
            filter: Some(Filter::HasId(ids.clone())),
            params: SearchParams {
                exact: true,
                ..SearchParams::default()
            },
            score_bound: None,
            prefetch: Vec::new(),
            lookup_from: None,
            limit: matrix.limit,
            offset: 0,
            select: Select::default(),
        };
        let mut rows = Vec::with_capacity(ids.len());
        for id in &ids {
            patience()?;
            search.rank = Some(Rank::Nearest {
                field: matrix.field.clone(),
                to: VectorQuery::Point(id.clone()),
            });
            let found = self.search(&search, scratch)?.into_iter();
            rows.push(
                found
                    .filter_map(|hit| Some((*columns.get(&hit.record.id)?, hit.score)))
                    .collect(),
            );
        }
        drop(columns);
        Ok(MatrixRows { ids, rows })
    }
}
