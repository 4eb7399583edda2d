//! The universal query.

use gateway::Call;
use model::{Search, Select};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::filter::WireFilter;
use crate::params::WireParams;
use crate::ranked::{self, Ranked};
use crate::ranking::WireRanking;
use crate::read::LIMIT_DEFAULT;
use crate::record::ShownScored;
use crate::request::{self, BODY, ShardKey};
use crate::select::{WithPayload, WithVector};

/// A query as the body writes it.
#[derive(Deserialize)]
pub(crate) struct WireQuery {
    prefetch: Option<Prefetches>,
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
    lookup_from: Option<IgnoredAny>,
    shard_key: ShardKey,
}

/// Only whether there are any matters, as long as they are not supported.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum PrefetchInterface"
)]
enum Prefetches {
    Many(Vec<IgnoredAny>),
    One(IgnoredAny),
}

#[derive(Deserialize)]
struct WireBatch {
    searches: Vec<WireQuery>,
}

#[derive(Serialize)]
struct Points<'a> {
    points: Vec<ShownScored<'a>>,
}

impl WireQuery {
    /// `at` is the place of the query in the body, for errors.
    ///
    /// # Errors
    /// When a part is malformed, out of bounds or not supported.
    pub(crate) fn decode(self, call: &Call<'_>, at: &str) -> Result<Ranked, Failure> {
        match self.prefetch {
            Some(Prefetches::Many(many)) if many.is_empty() => {}
            Some(Prefetches::Many(_) | Prefetches::One(_)) => {
                return Err(Failure::unsupported("`prefetch`"));
            }
            None => {}
        }
        if self.lookup_from.is_some() {
            return Err(Failure::unsupported("`lookup_from`"));
        }
        request::no_shard_key(&self.shard_key)?;
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        if limit == 0 {
            let text = "value 0 invalid, must be 1 or larger";
            return Err(Failure::validation(BODY, format_args!("{at}.limit"), text));
        }
        let params = self
            .params
            .unwrap_or_default()
            .decode(&format!("{at}.params"))?;
        let search = Search {
            collection: request::collection(call)?,
            rank: self
                .query
                .map(|query| query.decode(self.using))
                .transpose()?,
            filter: WireFilter::decode_optional(self.filter)?,
            params: params.search,
            score_above: None,
            limit,
            offset: self.offset.unwrap_or(0),
            select: Select {
                payload: WithPayload::decode(self.with_payload, false)?,
                vectors: WithVector::decode(self.with_vector)?,
            },
        };
        Ok(Ranked {
            search,
            score_threshold: self.score_threshold,
            oversampling: params.oversampling,
        })
    }
}

/// `POST /collections/{collection_name}/points/query`
pub(crate) async fn query(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let ranked = request::body::<WireQuery>(call)?.decode(call, "internal")?;
    let results = ranked::search(call, ranked).await?;
    envelope::ok(
        call,
        Points {
            points: results.shown(),
        },
    )
}

/// `POST /collections/{collection_name}/points/query/batch`
pub(crate) async fn batch(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let wire: WireBatch = request::body(call)?;
    let decode = |(index, query): (usize, WireQuery)| {
        query.decode(call, &format!("searches[{index}].internal"))
    };
    let searches = wire
        .searches
        .into_iter()
        .enumerate()
        .map(decode)
        .collect::<Result<_, _>>()?;
    let results = ranked::batch(call, searches).await?;
    let points = results.iter().map(|results| Points {
        points: results.shown(),
    });
    envelope::ok(call, points.collect::<Vec<_>>())
}
