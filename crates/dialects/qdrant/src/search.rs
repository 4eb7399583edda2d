//! The search of clients older than the universal query.

use core::fmt;

use gateway::Call;
use model::{Rank, Search, Select, VectorName, VectorQuery};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::filter::WireFilter;
use crate::params::WireParams;
use crate::ranked::{self, Ranked, Ranking, Results};
use crate::request::{self, BODY, ShardKey};
use crate::select::{WithPayload, WithVector};
use crate::strict::Generation;
use crate::vectors::{self, WireVector};

/// A search as the body writes it.
#[derive(Deserialize)]
pub(crate) struct WireSearch {
    vector: WireNamed,
    filter: Option<WireFilter>,
    params: Option<WireParams>,
    #[serde(alias = "top")]
    pub(crate) limit: usize,
    offset: Option<usize>,
    with_payload: Option<WithPayload>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<WithVector>,
    score_threshold: Option<f32>,
    shard_key: ShardKey,
}

/// A vector and the name of its field, empty when it is given as a mere list.
struct WireNamed {
    name: String,
    vector: WireVector,
}

impl<'de> Deserialize<'de> for WireNamed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamedVisitor;
        impl<'de> Visitor<'de> for NamedVisitor {
            type Value = WireNamed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a vector or an object with `name` and `vector`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<WireNamed, A::Error> {
                let vector = vectors::read_list(elements)?;
                Ok(WireNamed {
                    name: String::new(),
                    vector,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<WireNamed, A::Error> {
                let (mut name, mut vector) = (None, None);
                while let Some(field) = fields.next_key::<String>()? {
                    match &*field {
                        "name" => name = Some(fields.next_value()?),
                        "vector" => vector = Some(fields.next_value()?),
                        _ => {
                            fields.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                match (name, vector) {
                    (Some(name), Some(vector)) => Ok(WireNamed { name, vector }),
                    (None, _) => Err(A::Error::missing_field("name")),
                    (_, None) => Err(A::Error::missing_field("vector")),
                }
            }
        }
        deserializer.deserialize_any(NamedVisitor)
    }
}

impl Ranking for WireSearch {
    const AT: &'static str = "search_request";

    fn decode(self, call: &Call<'_>, at: &str) -> Result<Ranked, Failure> {
        request::no_shard_key(&self.shard_key)?;
        request::not_zero(self.limit, BODY, &format!("{at}.limit"))?;
        let params = self.params.unwrap_or_default();
        let params = params.decode(&format!("{at}.params"))?;
        let search = Search {
            collection: request::collection(call)?,
            prefetch: Vec::new(),
            rank: Some(Rank::Nearest {
                field: VectorName::new(self.vector.name)?,
                to: VectorQuery::Vector(self.vector.vector.decode_query()?),
            }),
            lookup_from: None,
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

/// `POST /collections/{collection_name}/points/search`
pub(crate) async fn search(call: &Call<'_>) -> Answer {
    envelope::ok(call, ranked::one::<WireSearch>(call).await?.shown())
}

/// `POST /collections/{collection_name}/points/search/batch`
pub(crate) async fn batch(call: &Call<'_>) -> Answer {
    let results = ranked::many::<WireSearch>(call).await?;
    let shown = results.iter().map(Results::shown);
    envelope::ok(call, shown.collect::<Vec<_>>())
}
