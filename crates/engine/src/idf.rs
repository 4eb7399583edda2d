//! Inverse document frequencies: the weights of sparse queries, counted over a whole collection.

use filter::compile;
use index::sparse::Postings;
use model::{Error, Filter, SparseVector, Vector};
use rows::RowId;

use crate::collection::Collection;
use crate::prepared::{Prepared, is_weighted};
use crate::segment::LiveSegment;
use crate::source::Source;
use crate::vector_index::VectorIndex;
use crate::vectors::{SparseRows, Stored};

/// In how many vectors the indices of a query occur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frequencies {
    /// Vectors counted; empty ones are not.
    pub(crate) vectors: u64,
    /// Of those, how many have each index; parallel to the indices asked for.
    pub(crate) with_index: Vec<u64>,
}

impl Frequencies {
    fn none(indices: usize) -> Self {
        Self {
            vectors: 0,
            with_index: vec![0; indices],
        }
    }

    /// Counts `indices` (ascending) in the vectors of `rows`.
    fn count(&mut self, sparse: &SparseRows, indices: &[u32], rows: impl Iterator<Item = RowId>) {
        for row in rows {
            let (stored, _) = sparse.row(row);
            self.vectors += u64::from(!stored.is_empty());
            let mut rest = stored;
            for (index, count) in indices.iter().zip(&mut self.with_index) {
                let skipped = rest.partition_point(|other| other < index);
                rest = &rest[skipped..];
                *count += u64::from(rest.first() == Some(index));
            }
        }
    }

    /// Counts `indices` in all of `postings`, and takes off what was counted of `deleted` rows.
    fn count_postings(&mut self, postings: &Postings, indices: &[u32], deleted: &Self) {
        self.vectors += (postings.len() as u64).saturating_sub(deleted.vectors);
        let gone = indices.iter().zip(&deleted.with_index);
        for ((&index, &gone), count) in gone.zip(&mut self.with_index) {
            *count += (postings.df(index) as u64).saturating_sub(gone);
        }
    }

    /// The factor of the weight at position `at`: BM25's inverse document frequency, which is
    /// never negative (Robertson & Zaragoza 2009, with one added inside the logarithm).
    fn factor(&self, at: usize) -> f32 {
        let (n, df) = (self.vectors as f32, self.with_index[at] as f32);
        libm::logf((n - df + 0.5) / (df + 0.5) + 1.0)
    }
}

impl Collection {
    /// A vector that a caller brought, as a query with the weights that its field asks for.
    /// Everything that is compared with rows passes through here once.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub(crate) fn prepare(
        &self,
        field: usize,
        vector: &Vector,
        corpus: Option<&Filter>,
    ) -> Result<Prepared, Error> {
        let kind = self.schema.vectors[field].kind;
        match Prepared::new(vector, kind)? {
            Prepared::Sparse(query) if is_weighted(kind) => {
                self.weighted(field, &query, corpus).map(Prepared::Sparse)
            }
            prepared => Ok(prepared),
        }
    }

    /// `query` with its weights multiplied by their inverse document frequency in `field` over
    /// the points of `corpus`.
    ///
    /// # Errors
    /// None that a query of finite weights can cause.
    pub(crate) fn weighted(
        &self,
        field: usize,
        query: &SparseVector,
        corpus: Option<&Filter>,
    ) -> Result<SparseVector, Error> {
        let frequencies = self.frequencies(field, query.indices(), corpus);
        let weigh = |(at, &value): (usize, &f32)| value * frequencies.factor(at);
        let values = query.values().iter().enumerate().map(weigh).collect();
        SparseVector::new(query.indices().to_vec(), values)
    }

    /// Frequencies of `indices` (ascending) among the live points that match `corpus`, over all
    /// segments. A point outside the corpus may have an index that none inside has: `with_index`
    /// is then 0.
    pub(crate) fn frequencies(
        &self,
        field: usize,
        indices: &[u32],
        corpus: Option<&Filter>,
    ) -> Frequencies {
        let mut counted = Frequencies::none(indices.len());
        for live in self.segments() {
            self.count_in(live, field, indices, corpus, &mut counted);
        }
        counted
    }

    fn count_in(
        &self,
        live: &LiveSegment,
        field: usize,
        indices: &[u32],
        corpus: Option<&Filter>,
        counted: &mut Frequencies,
    ) {
        let vectors = &live.segment.block.vectors[field];
        let Stored::Sparse(sparse) = &vectors.stored else {
            return;
        };
        if let (None, Some(VectorIndex::Postings(postings))) = (corpus, live.segment.index(field)) {
            let mut deleted = Frequencies::none(indices.len());
            deleted.count(sparse, indices, live.deleted.rows().iter());
            counted.count_postings(postings, indices, &deleted);
            return;
        }
        let rows = match corpus {
            None => live.live(),
            Some(filter) => {
                compile(filter, &Source::new(&live.segment, &self.schema)).rows(Some(&live.live()))
            }
        };
        counted.count(sparse, indices, rows.iter());
    }
}
