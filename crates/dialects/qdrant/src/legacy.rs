//! Recommendations and discoveries of clients older than the universal query.

use gateway::Call;
use model::{LookupFrom, Rank, Search, Select, VectorName};
use serde::Deserialize;

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::examples::{self, WirePair, WireStrategy};
use crate::filter::WireFilter;
use crate::list::OneOrMany;
use crate::params::WireParams;
use crate::query::{self, WireLookup};
use crate::ranked::{self, Ranked, Ranking, Results};
use crate::ranking::WireInput;
use crate::request::{self, BODY, ShardKey};
use crate::select::{WithPayload, WithVector};
use crate::strict::Generation;

/// A recommendation as the body writes it.
#[derive(Deserialize)]
pub(crate) struct WireRecommend {
    #[serde(default)]
    positive: Vec<WireInput>,
    #[serde(default)]
    negative: Vec<WireInput>,
    strategy: Option<WireStrategy>,
    #[serde(flatten)]
    rest: WireRest,
}

#[derive(Deserialize)]
struct WireDiscover {
    target: Option<WireInput>,
    context: Option<OneOrMany<WirePair>>,
    #[serde(flatten)]
    rest: WireRest,
}

/// What both have in common.
#[derive(Deserialize)]
struct WireRest {
    filter: Option<WireFilter>,
    params: Option<WireParams>,
    #[serde(alias = "top")]
    limit: usize,
    offset: Option<usize>,
    with_payload: Option<WithPayload>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<WithVector>,
    score_threshold: Option<f32>,
    using: Option<String>,
    lookup_from: Option<WireLookup>,
    shard_key: ShardKey,
}

impl WireRest {
    fn field(&mut self) -> Result<VectorName, Failure> {
        Ok(VectorName::new(self.using.take().unwrap_or_default())?)
    }

    fn decode(self, call: &Call<'_>, rank: Rank, at: &str) -> Result<Ranked, Failure> {
        request::no_shard_key(&self.shard_key)?;
        request::not_zero(self.limit, BODY, &format!("{at}.limit"))?;
        let params = self.params.unwrap_or_default();
        let params = params.decode(&format!("{at}.params"))?;
        // Not the field that is searched: these requests fall back to the unnamed vector.
        let unnamed = |from: LookupFrom| LookupFrom {
            vector: Some(from.vector.unwrap_or_default()),
            ..from
        };
        let lookup_from = query::lookup(call, self.lookup_from)?;
        let search = Search {
            collection: request::collection(call)?,
            prefetch: Vec::new(),
            rank: Some(rank),
            lookup_from: lookup_from.map(unnamed),
            filter: WireFilter::decode_optional(self.filter)?,
            params: params.search,
            score_bound: self.score_threshold,
            limit: self.limit,
            offset: self.offset.unwrap_or(0),
            select: Select {
                payload: WithPayload::decode(self.with_payload, false)?,
                vectors: WithVector::decode(self.with_vector)?,
            },
        };
        Ok(Ranked {
            search,
            oversampling: params.oversampling,
            generation: Generation::Legacy,
        })
    }
}

impl WireRecommend {
    /// Results, or groups, asked for.
    pub(crate) fn limit(&self) -> usize {
        self.rest.limit
    }
}

impl Ranking for WireRecommend {
    const AT: &'static str = "recommend_request";

    fn decode(mut self, call: &Call<'_>, at: &str) -> Result<Ranked, Failure> {
        if self.positive.is_empty() && self.negative.is_empty() {
            return Err(Failure::bad_request(
                "At least one positive or negative vector ID required with this strategy",
            ));
        }
        let field = self.rest.field()?;
        let rank = examples::recommend(field, self.positive, self.negative, self.strategy)?;
        self.rest.decode(call, rank, at)
    }
}

impl Ranking for WireDiscover {
    const AT: &'static str = "discover_request";

    fn decode(mut self, call: &Call<'_>, at: &str) -> Result<Ranked, Failure> {
        let field = self.rest.field()?;
        let context = match self.context {
            Some(OneOrMany(pairs)) => examples::pairs(pairs)?,
            None => Vec::new(),
        };
        let rank = match self.target {
            Some(target) => Rank::Discover {
                field,
                target: target.decode()?,
                context,
            },
            None if context.is_empty() => {
                return Err(Failure::bad_request(
                    "target and/or context should be provided",
                ));
            }
            None => Rank::Context { field, context },
        };
        self.rest.decode(call, rank, at)
    }
}

/// `POST /collections/{collection_name}/points/recommend`
pub(crate) async fn recommend(call: &Call<'_>) -> Answer {
    envelope::ok(call, ranked::one::<WireRecommend>(call).await?.shown())
}

/// `POST /collections/{collection_name}/points/recommend/batch`
pub(crate) async fn recommend_batch(call: &Call<'_>) -> Answer {
    let results = ranked::many::<WireRecommend>(call).await?;
    let shown = results.iter().map(Results::shown);
    envelope::ok(call, shown.collect::<Vec<_>>())
}

/// `POST /collections/{collection_name}/points/discover`
pub(crate) async fn discover(call: &Call<'_>) -> Answer {
    envelope::ok(call, ranked::one::<WireDiscover>(call).await?.shown())
}

/// `POST /collections/{collection_name}/points/discover/batch`
pub(crate) async fn discover_batch(call: &Call<'_>) -> Answer {
    let results = ranked::many::<WireDiscover>(call).await?;
    let shown = results.iter().map(Results::shown);
    envelope::ok(call, shown.collect::<Vec<_>>())
}
