//! One search of a search: what it ranks, and how.

use std::borrow::Cow;
use std::collections::BTreeSet;

use index::Similarity;
use model::{
    Error, Filter, Metric, OrderBy, PointId, Prefetch, Rank, SearchParams, Strategy, Vector,
    VectorKind, VectorName, VectorQuery,
};

use super::examples::{self, Scorer};
use super::{Found, Hit, Run, Told, UNRANKED_SCORE, both, formula, fusion, told};
use crate::collection::Place;
use crate::plan::{self, Nearest, To};
use crate::prepared::{Comparison, Prepared};

/// One search of a search.
pub(super) struct Stage<'a> {
    pub(super) prefetch: &'a [Prefetch],
    /// Its inputs are resolved.
    pub(super) rank: Option<&'a Rank>,
    /// Its own condition and those around it.
    pub(super) filter: Option<Cow<'a, Filter>>,
    pub(super) params: &'a SearchParams,
    pub(super) bound: Option<f32>,
    pub(super) limit: usize,
    /// The limit without what is skipped.
    pub(super) page: usize,
}

/// What a stage chooses among.
pub(super) enum Among<'a> {
    /// All points that match, but inputs.
    Matching(Option<&'a Filter>),
    /// These, ascending.
    These(Vec<Place>),
}

impl Stage<'_> {
    /// This stage with another limit, without its prefetches and conditions, which its caller has
    /// seen to.
    fn keeping(&self, limit: usize) -> Stage<'_> {
        Stage {
            prefetch: &[],
            rank: None,
            filter: None,
            params: self.params,
            bound: self.bound,
            limit,
            page: limit,
        }
    }
}

impl Run<'_> {
    /// # Errors
    /// As [`Collection::search`](crate::Collection::search).
    pub(super) fn stage(&self, stage: &Stage<'_>) -> Result<Found, Error> {
        let sources = self.sources(stage)?;
        let among = if sources.is_empty() {
            Among::Matching(stage.filter.as_deref())
        } else {
            let hits = sources.iter().flat_map(|found| &found.hits);
            let places: BTreeSet<Place> = hits.map(|hit| hit.place).collect();
            Among::These(places.into_iter().collect())
        };
        let Some(rank) = stage.rank else {
            if !sources.is_empty() {
                return Err(Error::invalid("prefetches need a query that ranks them"));
            }
            no_bound(stage)?;
            return Ok(self.by_id(&among, stage.limit));
        };
        match rank {
            Rank::Nearest { field, to } => self.to_vector(stage, &among, field, given(to)?),
            Rank::Diverse {
                field,
                to,
                diversity,
                candidates,
            } => {
                let candidates = candidates.unwrap_or(stage.page);
                let nearest = stage.keeping(candidates);
                let mut found = self.to_vector(&nearest, &among, field, given(to)?)?;
                let at = self.collection.field(field)?;
                found.hits = self.diverse(at, found.hits, *diversity, stage.limit);
                Ok(found)
            }
            Rank::Recommend {
                field,
                like,
                unlike,
                strategy: Strategy::AverageVector,
            } => {
                let average = self.average(field, like, unlike)?;
                self.to_vector(stage, &among, field, &average)
            }
            Rank::Recommend { field, .. }
            | Rank::Discover { field, .. }
            | Rank::Context { field, .. } => self.by_examples(stage, &among, field, rank),
            Rank::Feedback(feedback) => self.by_examples(stage, &among, &feedback.field, rank),
            Rank::Fusion(method) => {
                let scores = fusion::fuse(method, &sources)?;
                Ok(self.at_least(stage, scores))
            }
            Rank::Formula(formula) => {
                let scores = formula::scores(self.collection, formula, &sources)?;
                Ok(self.at_least(stage, scores))
            }
            Rank::OrderBy(order) => {
                no_bound(stage)?;
                self.by_value(&among, order, stage.limit)
            }
            Rank::Sample { seed } => {
                let filter = self.listing(&among);
                let seed = seed.unwrap_or_default();
                let places = self
                    .collection
                    .sample(filter.as_ref(), None, stage.limit, seed);
                Ok(unranked(places))
            }
        }
    }

    /// What the prefetches of a stage find.
    fn sources(&self, stage: &Stage<'_>) -> Result<Vec<Found>, Error> {
        let source = |prefetch: &Prefetch| {
            self.stage(&Stage {
                prefetch: &prefetch.prefetch,
                rank: prefetch.rank.as_ref(),
                filter: both(stage.filter.as_ref(), prefetch.filter.as_ref()),
                params: &prefetch.params,
                bound: prefetch.score_bound,
                limit: prefetch.limit,
                page: prefetch.limit,
            })
        };
        stage.prefetch.iter().map(source).collect()
    }

    /// The one vector that examples come to.
    fn average(
        &self,
        field: &VectorName,
        like: &[VectorQuery],
        unlike: &[VectorQuery],
    ) -> Result<Vector, Error> {
        let kind = self.collection.schema.vectors[self.collection.field(field)?].kind;
        let (like, unlike) = (all_given(like)?, all_given(unlike)?);
        for vector in like.iter().chain(&unlike) {
            Prepared::new(vector, kind)?;
        }
        examples::average(&like, &unlike)
    }

    /// By similarity to one vector.
    fn to_vector(
        &self,
        stage: &Stage<'_>,
        among: &Among<'_>,
        field: &VectorName,
        to: &Vector,
    ) -> Result<Found, Error> {
        let at = self.collection.field(field)?;
        let kind = self.collection.schema.vectors[at].kind;
        check_metric(stage)?;
        let corpus = stage.params.idf_corpus.as_ref();
        let query = self.collection.prepare(at, to, corpus)?;
        let hits = match among {
            Among::Matching(filter) => self.nearest(stage, at, To::Vector(&query), *filter),
            Among::These(places) => self.compared(stage, at, &query, places),
        };
        let hits = self.collection.best(hits, stage.limit);
        // Only floats can be compared by another metric than their field's.
        let metric = match kind {
            VectorKind::Dense { metric, .. } => stage.params.metric.unwrap_or(metric),
            VectorKind::Multi { .. } | VectorKind::Sparse { .. } | VectorKind::Binary { .. } => {
                kind.metric()
            }
        };
        let told = told(metric);
        Ok(Found {
            hits: bounded(hits, stage.bound, metric, told),
            told,
        })
    }

    /// The best hits of all segments, in no order.
    fn nearest(
        &self,
        stage: &Stage<'_>,
        at: usize,
        to: To<'_>,
        filter: Option<&Filter>,
    ) -> Vec<Hit> {
        let ask = Nearest {
            field: at,
            to,
            // Inputs are found too and then left out.
            wanted: stage.limit.saturating_add(self.inputs.len()),
            filter,
            params: stage.params,
            switches: self.switches,
        };
        let mut hits: Vec<Hit> = Vec::new();
        self.scratch.with(|scratch| {
            for (segment, live) in self.collection.segments().enumerate() {
                let found = plan::nearest(live, &self.collection.schema, &ask, scratch);
                hits.extend(found.into_iter().map(|scored| {
                    let row = scored.row;
                    Hit::scored(Place { segment, row }, scored.score)
                }));
            }
        });
        if !self.inputs.is_empty() {
            hits.retain(|hit| !self.inputs.contains(&hit.place));
        }
        hits
    }

    /// Each of `places` that has a similarity to `query`.
    fn compared(
        &self,
        stage: &Stage<'_>,
        at: usize,
        query: &Prepared,
        places: &[Place],
    ) -> Vec<Hit> {
        let mut hits = Vec::with_capacity(places.len());
        for run in places.chunk_by(|a, b| a.segment == b.segment) {
            let block = &self.collection.segment(run[0].segment).segment.block;
            let comparison = Comparison::new(query, &block.vectors[at]);
            let mut comparison = comparison.by(stage.params.metric);
            hits.extend(run.iter().filter_map(|&place| {
                let score = comparison.hit(place.row)?;
                Some(Hit::scored(place, score))
            }));
        }
        hits
    }

    /// By a score that depends on several vectors.
    fn by_examples(
        &self,
        stage: &Stage<'_>,
        among: &Among<'_>,
        field: &VectorName,
        rank: &Rank,
    ) -> Result<Found, Error> {
        let at = self.collection.field(field)?;
        let kind = self.collection.schema.vectors[at].kind;
        let corpus = stage.params.idf_corpus.as_ref();
        let prepare = |vector: &VectorQuery| self.collection.prepare(at, given(vector)?, corpus);
        let mut prepare = prepare;
        let hits = match (Scorer::new(rank, &mut prepare)?, among) {
            (None, _) => Vec::new(),
            (Some(scorer), Among::Matching(filter)) => {
                self.nearest(stage, at, To::Examples(&scorer), *filter)
            }
            (Some(scorer), Among::These(places)) => self.scored(stage, at, &scorer, places),
        };
        let hits = self.collection.best(hits, stage.limit);
        Ok(Found {
            hits: bounded(hits, stage.bound, kind.metric(), Told::Score),
            told: Told::Score,
        })
    }

    /// Each of `places` that carries a vector, by a score that depends on several.
    fn scored(&self, stage: &Stage<'_>, at: usize, scorer: &Scorer, places: &[Place]) -> Vec<Hit> {
        let schema = &self.collection.schema;
        let mut hits = Vec::with_capacity(places.len());
        for run in places.chunk_by(|a, b| a.segment == b.segment) {
            let segment = &self.collection.segment(run[0].segment).segment;
            let vectors = &segment.block.vectors[at];
            let unindexed = vectors.dense().is_some() && segment.index_in_use(schema, at).is_none();
            if stage.params.indexed_only && unindexed {
                continue;
            }
            let mut comparisons = scorer.compare(vectors);
            hits.extend(
                run.iter()
                    .filter(|place| vectors.has(place.row))
                    .map(|&place| Hit::scored(place, scorer.score(&mut comparisons, place.row))),
            );
        }
        hits
    }

    /// The best of `hits`, down to the bound.
    fn at_least(&self, stage: &Stage<'_>, hits: Vec<Hit>) -> Found {
        let mut hits = self.collection.best(hits, stage.limit);
        if let Some(bound) = stage.bound {
            let within = hits.iter().take_while(|hit| hit.score >= bound).count();
            hits.truncate(within);
        }
        Found {
            hits,
            told: Told::Score,
        }
    }

    fn by_id(&self, among: &Among<'_>, limit: usize) -> Found {
        let filter = self.listing(among);
        unranked(self.collection.by_id(filter.as_ref(), None, 0, limit))
    }

    fn by_value(&self, among: &Among<'_>, order: &OrderBy, limit: usize) -> Result<Found, Error> {
        let filter = self.listing(among);
        let values = self.collection.by_value(order, filter.as_ref(), 0, limit)?;
        let hit = |(value, place)| Hit {
            place,
            score: UNRANKED_SCORE,
            order_value: Some(value),
        };
        Ok(Found {
            hits: values.into_iter().map(hit).collect(),
            told: Told::Score,
        })
    }

    /// The condition of being among what a stage chooses among.
    fn listing(&self, among: &Among<'_>) -> Option<Filter> {
        let ids = |places: &mut dyn Iterator<Item = &Place>| -> Vec<PointId> {
            places
                .map(|&place| self.collection.id_at(place).into())
                .collect()
        };
        match among {
            Among::These(places) => Some(Filter::HasId(ids(&mut places.iter()))),
            Among::Matching(filter) if self.inputs.is_empty() => filter.cloned(),
            Among::Matching(filter) => {
                let inputs = Filter::HasId(ids(&mut self.inputs.iter()));
                let mut parts = vec![Filter::Not(Box::new(inputs))];
                parts.extend(filter.cloned());
                Some(Filter::All(parts))
            }
        }
    }
}

/// Whether floats can be compared as the search wants it.
fn check_metric(stage: &Stage<'_>) -> Result<(), Error> {
    match stage.params.metric {
        Some(metric) if Similarity::of_unprepared(metric).is_none() => Err(Error::unsupported(
            "the metric compares bits, but the vectors are dense",
        )),
        Some(_) | None => Ok(()),
    }
}

fn unranked(places: Vec<Place>) -> Found {
    let hit = |place| Hit::scored(place, UNRANKED_SCORE);
    Found {
        hits: places.into_iter().map(hit).collect(),
        told: Told::Score,
    }
}

/// The results up to the first that is not better than `bound`, which is a distance for metrics
/// that have one even where the scores are none.
fn bounded(mut hits: Vec<Hit>, bound: Option<f32>, metric: Metric, told: Told) -> Vec<Hit> {
    let Some(bound) = bound else {
        return hits;
    };
    let better = |hit: &Hit| match super::told(metric) {
        Told::Score => told.of(hit.score) > bound,
        Told::Root | Told::Negation => told.of(hit.score) < bound,
    };
    let within = hits.iter().take_while(|hit| better(hit)).count();
    hits.truncate(within);
    hits
}

fn no_bound(stage: &Stage<'_>) -> Result<(), Error> {
    match stage.bound {
        Some(_) => Err(Error::invalid("a bound needs a query that gives scores")),
        None => Ok(()),
    }
}

/// The vector of a resolved input.
fn given(input: &VectorQuery) -> Result<&Vector, Error> {
    match input {
        VectorQuery::Vector(vector) => Ok(vector),
        VectorQuery::Point(_) => Err(Error::internal("an input was not resolved")),
    }
}

fn all_given(inputs: &[VectorQuery]) -> Result<Vec<&Vector>, Error> {
    inputs.iter().map(given).collect()
}
