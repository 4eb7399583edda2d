//! The universal query.

use gateway::{Access, Call};
use model::query::PREFETCH_DEPTH_MAX;
use model::{CollectionRef, Fusion, LookupFrom, Prefetch, Rank, Search, Select, VectorName};
use serde::{Deserialize, Serialize};

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::filter::WireFilter;
use crate::list::OneOrMany;
use crate::params::WireParams;
use crate::ranked::{self, Ranked, Ranking};
use crate::ranking::WireRanking;
use crate::read::LIMIT_DEFAULT;
use crate::record::ShownScored;
use crate::request::{self, BODY, ShardKey};
use crate::select::{WithPayload, WithVector};
use crate::strict::Generation;

/// The body of a query; groups have the same fields and more.
#[derive(Deserialize)]
pub(crate) struct WireQuery {
    prefetch: Option<OneOrMany<WirePrefetch>>,
    query: Option<WireRanking>,
    using: Option<String>,
    filter: Option<WireFilter>,
    params: Option<WireParams>,
    score_threshold: Option<f32>,
    pub(crate) limit: Option<usize>,
    offset: Option<usize>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<WithVector>,
    with_payload: Option<WithPayload>,
    lookup_from: Option<WireLookup>,
    shard_key: ShardKey,
}

/// A query inside a query.
#[derive(Deserialize)]
struct WirePrefetch {
    prefetch: Option<OneOrMany<WirePrefetch>>,
    query: Option<WireRanking>,
    using: Option<String>,
    filter: Option<WireFilter>,
    params: Option<WireParams>,
    score_threshold: Option<f32>,
    limit: Option<usize>,
    lookup_from: Option<WireLookup>,
}

/// Where ids that are inputs are looked up.
#[derive(Deserialize)]
pub(crate) struct WireLookup {
    collection: String,
    vector: Option<String>,
    shard_key: ShardKey,
}

#[derive(Serialize)]
struct Points<'a> {
    points: Vec<ShownScored<'a>>,
}

impl WireLookup {
    /// # Errors
    /// When no collection or vector can have the name, the caller may not read the collection, or
    /// there is a shard key.
    fn decode(self, call: &Call<'_>) -> Result<LookupFrom, Failure> {
        request::no_shard_key(&self.shard_key)?;
        call.grant.check(Access::Read, Some(&self.collection))?;
        let collection = CollectionRef::in_default(&self.collection)
            .map_err(|_| model::Error::no_collection(&self.collection))?;
        Ok(LookupFrom {
            collection,
            vector: self.vector.map(VectorName::new).transpose()?,
        })
    }
}

/// As [`WireLookup::decode`], of a request that may have none.
pub(crate) fn lookup(
    call: &Call<'_>,
    from: Option<WireLookup>,
) -> Result<Option<LookupFrom>, Failure> {
    from.map(|from| from.decode(call)).transpose()
}

/// What queries and prefetches have in common, decoded.
struct Stage {
    prefetch: Vec<Prefetch>,
    rank: Option<Rank>,
    /// The most that the stage or a prefetch in it asks for.
    oversampling: Option<f64>,
}

fn stage(
    call: &Call<'_>,
    prefetch: Option<OneOrMany<WirePrefetch>>,
    query: Option<WireRanking>,
    using: Option<String>,
    bound: Option<f32>,
    at: &str,
) -> Result<Stage, Failure> {
    let rank = query
        .map(|query| query.decode(using, &format!("{at}.query")))
        .transpose()?;
    let mut oversampling = None;
    let mut prefetches = Vec::new();
    let wire = prefetch.map_or_else(Vec::new, |prefetch| prefetch.0);
    for (index, wire) in wire.into_iter().enumerate() {
        let (prefetch, factor) = wire.decode(call, &format!("{at}.prefetch[{index}]"))?;
        oversampling = ranked::larger(oversampling, factor);
        prefetches.push(prefetch);
    }
    check(rank.as_ref(), &prefetches, bound)?;
    Ok(Stage {
        prefetch: prefetches,
        rank,
        oversampling,
    })
}

/// What a ranking needs around it.
fn check(rank: Option<&Rank>, prefetch: &[Prefetch], bound: Option<f32>) -> Result<(), Failure> {
    let failed = |text: String| Err(Failure::wrong_input(format!("Validation failed: {text}")));
    if rank.is_none() && !prefetch.is_empty() {
        return Err(Failure::bad_request(
            "A query is needed to merge the prefetches. Can't have prefetches without defining a \
             query.",
        ));
    }
    match (rank, bound) {
        (None, Some(_)) => {
            return Err(Failure::bad_request(
                "A query is needed to use the score_threshold. Can't have score_threshold without \
                 defining a query.",
            ));
        }
        (Some(Rank::OrderBy(_)), Some(_)) => {
            return Err(Failure::bad_request(
                "Can't use score_threshold with an order_by query.",
            ));
        }
        _ => {}
    }
    let depth = prefetch.iter().map(Prefetch::depth).max().unwrap_or(0);
    if depth > PREFETCH_DEPTH_MAX {
        return failed(format!(
            "prefetches depth {depth} exceeds max depth {PREFETCH_DEPTH_MAX}"
        ));
    }
    match rank {
        Some(Rank::Fusion(_)) if prefetch.is_empty() => {
            failed("cannot apply Fusion without prefetches".into())
        }
        Some(Rank::Formula(_)) if prefetch.is_empty() => {
            failed("cannot apply Formula without prefetches".into())
        }
        Some(Rank::Fusion(Fusion::Reciprocal { weights, .. }))
            if !weights.is_empty() && weights.len() != prefetch.len() =>
        {
            failed(format!(
                "RRF weights length ({}) does not match number of prefetches ({})",
                weights.len(),
                prefetch.len()
            ))
        }
        _ => Ok(()),
    }
}

impl WirePrefetch {
    fn decode(self, call: &Call<'_>, at: &str) -> Result<(Prefetch, Option<f64>), Failure> {
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        request::not_zero(limit, BODY, &format!("{at}.limit"))?;
        let params = self.params.unwrap_or_default();
        let params = params.decode(&format!("{at}.params"))?;
        let bound = self.score_threshold;
        let stage = stage(call, self.prefetch, self.query, self.using, bound, at)?;
        let filter = self.filter;
        let prefetch = Prefetch {
            prefetch: stage.prefetch,
            rank: stage.rank,
            lookup_from: lookup(call, self.lookup_from)?,
            filter: filter
                .map(|filter| filter.decode(&format!("{at}.filter")))
                .transpose()?,
            params: params.search,
            score_bound: bound,
            limit,
        };
        Ok((
            prefetch,
            ranked::larger(stage.oversampling, params.oversampling),
        ))
    }
}

impl Ranking for WireQuery {
    const AT: &'static str = "internal";

    fn decode(self, call: &Call<'_>, at: &str) -> Result<Ranked, Failure> {
        request::no_shard_key(&self.shard_key)?;
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        request::not_zero(limit, BODY, &format!("{at}.limit"))?;
        let params = self.params.unwrap_or_default();
        let params = params.decode(&format!("{at}.params"))?;
        let bound = self.score_threshold;
        let stage = stage(call, self.prefetch, self.query, self.using, bound, at)?;
        let search = Search {
            collection: request::collection(call)?,
            prefetch: stage.prefetch,
            rank: stage.rank,
            lookup_from: lookup(call, self.lookup_from)?,
            filter: WireFilter::decode_optional(self.filter)?,
            params: params.search,
            score_bound: bound,
            limit,
            offset: self.offset.unwrap_or(0),
            select: Select {
                payload: WithPayload::decode(self.with_payload, false)?,
                vectors: WithVector::decode(self.with_vector)?,
            },
        };
        Ok(Ranked {
            search,
            oversampling: ranked::larger(stage.oversampling, params.oversampling),
            generation: Generation::Universal,
        })
    }
}

/// `POST /collections/{collection_name}/points/query`
pub(crate) async fn query(call: &Call<'_>) -> Answer {
    let results = ranked::one::<WireQuery>(call).await?;
    let points = results.shown();
    envelope::ok(call, Points { points })
}

/// `POST /collections/{collection_name}/points/query/batch`
pub(crate) async fn batch(call: &Call<'_>) -> Answer {
    let results = ranked::many::<WireQuery>(call).await?;
    let points = results.iter().map(|results| Points {
        points: results.shown(),
    });
    envelope::ok(call, points.collect::<Vec<_>>())
}
