//! Counting points per payload value.

use gateway::Call;
use model::aggregate::FacetValue;
use model::{Facet, FacetHit, FieldKind, Query, Reply, Schema, Value};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::filter::WireFilter;
use crate::ids::ShownId;
use crate::read::LIMIT_DEFAULT;
use crate::request::{self, BODY, ShardKey};
use crate::select;

#[derive(Deserialize)]
struct WireFacet {
    key: String,
    limit: Option<usize>,
    filter: Option<WireFilter>,
    /// Only its type matters: counts are exact whether it is asked for or not.
    #[serde(rename = "exact")]
    _exact: Option<bool>,
    shard_key: ShardKey,
}

#[derive(Serialize)]
struct Hits<'a> {
    hits: Vec<ShownHit<'a>>,
}

#[derive(Serialize)]
struct ShownHit<'a> {
    value: ShownValue<'a>,
    count: u64,
}

struct ShownValue<'a>(&'a FacetValue);

impl Serialize for ShownValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            FacetValue::Bool(value) => serializer.serialize_bool(*value),
            FacetValue::Int(number) => serializer.serialize_i64(*number),
            FacetValue::Uuid(bytes) => ShownId(&model::PointId::Uuid(*bytes)).serialize(serializer),
            FacetValue::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// Whether `schema` has an index that counts the values at the key.
fn check_index(schema: &Schema, facet: &Facet) -> Result<(), Failure> {
    let index = schema.index(&facet.path);
    let counted = index.is_some_and(|index| match index.params.kind {
        FieldKind::Keyword | FieldKind::Bool | FieldKind::Uuid => true,
        // An integer index may have been asked for without this ability.
        FieldKind::Integer => index.params.attributes.get("lookup") != Some(&Value::Bool(false)),
        FieldKind::Float | FieldKind::Datetime | FieldKind::Geo | FieldKind::Text => false,
    });
    if counted {
        return Ok(());
    }
    Err(Failure::bad_request(format_args!(
        "No appropriate index for faceting: `{}`. Please create one to facet on this field. Check \
         https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload \
         schemas support Match conditions",
        facet.path
    )))
}

/// `POST /collections/{collection_name}/facet`
pub(crate) async fn facet(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let wire: WireFacet = request::body(call)?;
    request::no_shard_key(&wire.shard_key)?;
    let facet = Facet {
        collection: request::collection(call)?,
        path: select::path(&wire.key)?,
        filter: WireFilter::decode_optional(wire.filter)?,
        limit: wire.limit.unwrap_or(LIMIT_DEFAULT),
    };
    if facet.limit == 0 {
        let text = "value 0 invalid, must be 1 or larger";
        return Err(Failure::validation(BODY, "facet_request.limit", text));
    }
    let schema = request::schema(call, facet.collection.clone()).await?;
    request::hold(call, &schema, |limits| {
        limits.check_limit(facet.limit)?;
        limits.check_read_filter(facet.filter.as_ref())
    })?;
    check_index(&schema, &facet)?;
    match request::query(call, Query::Facet(facet)).await? {
        Reply::Facet(hits) => envelope::ok(
            call,
            Hits {
                hits: hits.iter().map(shown).collect(),
            },
        ),
        other => Err(other.unexpected().into()),
    }
}

fn shown(hit: &FacetHit) -> ShownHit<'_> {
    ShownHit {
        value: ShownValue(&hit.value),
        count: hit.count,
    }
}
