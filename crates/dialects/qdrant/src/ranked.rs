//! Carrying out searches: every request that ranks points ends here.

use gateway::Call;
use model::aggregate::GroupKey;
use model::{Groups, Prefetch, Query, Rank, Reply, Schema, ScoredPoint, Search};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::Failure;
use crate::groups::Grouping;
use crate::order;
use crate::record::ShownScored;
use crate::request;
use crate::score::Reported;
use crate::strict::{Generation, Limits};

/// A body that says what to search for.
pub(crate) trait Ranking: DeserializeOwned {
    /// Its name in validation errors.
    const AT: &'static str;

    /// `at` is its place in the body, for validation errors.
    fn decode(self, call: &Call<'_>, at: &str) -> Result<Ranked, Failure>;
}

/// A decoded search.
pub(crate) struct Ranked {
    pub(crate) search: Search,
    /// Only held to the limit of its collection.
    pub(crate) oversampling: Option<f64>,
    pub(crate) generation: Generation,
}

/// The results of one search, and how their scores are told.
pub(crate) struct Results {
    points: Vec<ScoredPoint>,
    reported: Reported,
}

#[derive(Deserialize)]
struct WireBatch<T> {
    searches: Vec<T>,
}

impl Results {
    /// In the order found.
    pub(crate) fn shown(&self) -> Vec<ShownScored<'_>> {
        let reported = self.reported;
        self.points
            .iter()
            .map(|point| ShownScored { point, reported })
            .collect()
    }
}

impl Ranked {
    /// How scores are told, once everything that the search names is known to be there.
    pub(crate) fn reported(&self, schema: &Schema) -> Result<Reported, Failure> {
        check_prefetches(schema, &self.search.prefetch)?;
        reported(schema, self.search.rank.as_ref())
    }

    /// Holds the search to the limits of its collection.
    pub(crate) fn check(&self, limits: &Limits<'_>) -> Result<(), Failure> {
        limits.check_search(&self.search, self.oversampling, self.generation)
    }
}

fn check_prefetches(schema: &Schema, prefetch: &[Prefetch]) -> Result<(), Failure> {
    prefetch.iter().try_for_each(|inner| {
        reported(schema, inner.rank.as_ref())?;
        check_prefetches(schema, &inner.prefetch)
    })
}

fn reported(schema: &Schema, rank: Option<&Rank>) -> Result<Reported, Failure> {
    let Some(rank) = rank else {
        return Ok(Reported::One);
    };
    match rank {
        Rank::OrderBy(order_by) => {
            order::check_index(schema, order_by)?;
            Ok(Reported::One)
        }
        Rank::Sample { .. } => Ok(Reported::One),
        Rank::Fusion(_) | Rank::Formula(_) => Ok(Reported::Similarity),
        Rank::Nearest { field, .. }
        | Rank::Diverse { field, .. }
        | Rank::Recommend { field, .. }
        | Rank::Discover { field, .. }
        | Rank::Context { field, .. }
        | Rank::Feedback(model::Feedback { field, .. }) => {
            let told = Reported::of_field(schema, field)?;
            Ok(if rank.is_similarity() {
                told
            } else {
                Reported::Similarity
            })
        }
    }
}

/// The larger of two factors, as far as there are any.
pub(crate) fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (only, None) | (None, only) => only,
    }
}

fn results(reply: Reply, reported: Reported) -> Result<Results, Failure> {
    match reply {
        Reply::Scored(points) => Ok(Results { points, reported }),
        other => Err(other.unexpected().into()),
    }
}

/// Carries out the one search of a request.
pub(crate) async fn one<T: Ranking>(call: &Call<'_>) -> Result<Results, Failure> {
    request::read_parameters(call)?;
    let ranked = request::body::<T>(call)?.decode(call, T::AT)?;
    let schema = request::schema(call, ranked.search.collection.clone()).await?;
    let reported = ranked.reported(&schema)?;
    request::hold(call, &schema, |limits| ranked.check(limits))?;
    let reply = request::query(call, Query::Search(Box::new(ranked.search))).await?;
    results(reply, reported)
}

/// Carries out one search, its results in groups.
pub(crate) async fn groups(
    call: &Call<'_>,
    mut ranked: Ranked,
    grouping: &Grouping,
) -> Result<Vec<(GroupKey, Results)>, Failure> {
    let schema = request::schema(call, ranked.search.collection.clone()).await?;
    let reported = ranked.reported(&schema)?;
    let points = grouping.groups.saturating_mul(grouping.per_group);
    ranked.search.limit = match ranked.generation {
        Generation::Universal => points,
        Generation::Legacy => grouping.groups,
    };
    request::hold(call, &schema, |limits| {
        ranked.check(limits)?;
        limits.check_group(&grouping.by)
    })?;
    ranked.search.limit = points;
    ranked.search.offset = 0;
    widen(&mut ranked.search.prefetch, grouping.per_group);
    let query = Query::Groups(Box::new(Groups {
        search: ranked.search,
        by: grouping.by.clone(),
        groups: grouping.groups,
        per_group: grouping.per_group,
    }));
    let groups = match request::query(call, query).await? {
        Reply::Groups(groups) => groups,
        other => return Err(other.unexpected().into()),
    };
    let found = groups.into_iter().filter(|group| !group.hits.is_empty());
    let told = found.map(|group| {
        let results = results(Reply::Scored(group.hits), reported)?;
        Ok((group.key, results))
    });
    told.collect()
}

/// Groups are found among as many more points as each may have.
fn widen(prefetch: &mut [Prefetch], factor: usize) {
    for inner in prefetch {
        inner.limit = inner.limit.saturating_mul(factor);
        widen(&mut inner.prefetch, factor);
    }
}

/// Carries out the searches of a request on one state of their collection.
pub(crate) async fn many<T: Ranking>(call: &Call<'_>) -> Result<Vec<Results>, Failure> {
    request::read_parameters(call)?;
    let wire: WireBatch<T> = request::body(call)?;
    let searches: Vec<Ranked> = wire
        .searches
        .into_iter()
        .enumerate()
        .map(|(index, search)| search.decode(call, &format!("searches[{index}].{}", T::AT)))
        .collect::<Result<_, _>>()?;
    let schema = request::schema(call, request::collection(call)?).await?;
    request::hold(call, &schema, |limits| {
        limits.check_batch(searches.len())?;
        searches.iter().try_for_each(|ranked| ranked.check(limits))
    })?;
    let told = searches.iter().map(|ranked| ranked.reported(&schema));
    let told: Vec<Reported> = told.collect::<Result<_, _>>()?;
    let asked = searches.into_iter().map(|ranked| ranked.search).collect();
    match request::query(call, Query::SearchBatch(asked)).await? {
        Reply::Batch(replies) => replies
            .into_iter()
            .zip(told)
            .map(|(reply, reported)| results(reply, reported))
            .collect(),
        other => Err(other.unexpected().into()),
    }
}
