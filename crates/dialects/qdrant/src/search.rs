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
use crate::ranked::{self, Ranked};
use crate::request::{self, BODY, ShardKey};
use crate::select::{WithPayload, WithVector};
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

#[derive(Deserialize)]
struct WireBatch {
    searches: Vec<WireSearch>,
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

impl WireSearch {
    /// `at` is the place of the search in the body, for errors.
    ///
    /// # Errors
    /// When a part is malformed, out of bounds or not supported.
    pub(crate) fn decode(self, call: &Call<'_>, at: &str) -> Result<Ranked, Failure> {
        request::no_shard_key(&self.shard_key)?;
        if self.limit == 0 {
            let text = "value 0 invalid, must be 1 or larger";
            return Err(Failure::validation(BODY, format_args!("{at}.limit"), text));
        }
        let params = self
            .params
            .unwrap_or_default()
            .decode(&format!("{at}.params"))?;
        let search = Search {
            collection: request::collection(call)?,
            rank: Some(Rank::Nearest {
                field: VectorName::new(self.vector.name)?,
                to: VectorQuery::Vector(self.vector.vector.decode_query()?),
            }),
            filter: WireFilter::decode_optional(self.filter)?,
            params: params.search,
            score_above: None,
            limit: self.limit,
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

/// `POST /collections/{collection_name}/points/search`
pub(crate) async fn search(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let ranked = request::body::<WireSearch>(call)?.decode(call, "search_request")?;
    let results = ranked::search(call, ranked).await?;
    envelope::ok(call, results.shown())
}

/// `POST /collections/{collection_name}/points/search/batch`
pub(crate) async fn batch(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let wire: WireBatch = request::body(call)?;
    let decode = |(index, search): (usize, WireSearch)| {
        search.decode(call, &format!("searches[{index}].search_request"))
    };
    let searches = wire
        .searches
        .into_iter()
        .enumerate()
        .map(decode)
        .collect::<Result<_, _>>()?;
    let results = ranked::batch(call, searches).await?;
    envelope::ok(
        call,
        results
            .iter()
            .map(ranked::Results::shown)
            .collect::<Vec<_>>(),
    )
}
