//! Search results in groups.

use gateway::Call;
use model::aggregate::GroupKey;
use model::{CollectionRef, FieldPath, PointId, Query, Record, Reply, Select};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::ids;
use crate::legacy::WireRecommend;
use crate::query::WireQuery;
use crate::ranked::{self, Ranked, Ranking, Results};
use crate::read::LIMIT_DEFAULT;
use crate::record::{ShownRecord, ShownScored};
use crate::request::{self, BODY};
use crate::search::WireSearch;
use crate::select::{self, WithPayload, WithVector};

/// Points per group when a query does not say.
const GROUP_SIZE_DEFAULT: usize = 3;

#[derive(Deserialize)]
struct WireQueryGroups {
    #[serde(flatten)]
    query: WireQuery,
    group_by: String,
    group_size: Option<usize>,
    with_lookup: Option<WireLookup>,
}

#[derive(Deserialize)]
struct WireSearchGroups {
    #[serde(flatten)]
    search: WireSearch,
    group_by: String,
    group_size: usize,
    with_lookup: Option<WireLookup>,
}

#[derive(Deserialize)]
struct WireRecommendGroups {
    #[serde(flatten)]
    recommend: WireRecommend,
    group_by: String,
    group_size: usize,
    with_lookup: Option<WireLookup>,
}

/// The collection whose points have the ids that the groups have.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum WithLookupInterface"
)]
pub(crate) enum WireLookup {
    Collection(String),
    Full {
        collection: String,
        with_payload: Option<WithPayload>,
        #[serde(alias = "with_vector")]
        with_vectors: Option<WithVector>,
    },
}

/// How results are grouped.
pub(crate) struct Grouping {
    pub(crate) by: FieldPath,
    pub(crate) groups: usize,
    pub(crate) per_group: usize,
    lookup: Option<Lookup>,
}

struct Lookup {
    collection: String,
    select: Select,
}

#[derive(Serialize)]
struct Groups<'a> {
    groups: Vec<ShownGroup<'a>>,
}

#[derive(Serialize)]
struct ShownGroup<'a> {
    hits: Vec<ShownScored<'a>>,
    id: ShownKey<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lookup: Option<ShownRecord<'a>>,
}

struct ShownKey<'a>(&'a GroupKey);

impl Serialize for ShownKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            GroupKey::Int(number) => serializer.serialize_i64(*number),
            GroupKey::UInt(number) => serializer.serialize_u64(*number),
            GroupKey::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl WireLookup {
    fn decode(self) -> Result<Lookup, Failure> {
        let (collection, payload, vectors) = match self {
            Self::Collection(collection) => (collection, None, None),
            Self::Full {
                collection,
                with_payload,
                with_vectors,
            } => (collection, with_payload, with_vectors),
        };
        Ok(Lookup {
            collection,
            select: Select {
                payload: WithPayload::decode(payload, true)?,
                vectors: WithVector::decode(vectors)?,
            },
        })
    }
}

impl Grouping {
    /// # Errors
    /// When a size is 0 or the path malformed.
    pub(crate) fn decode(
        by: &str,
        groups: usize,
        per_group: usize,
        lookup: Option<WireLookup>,
    ) -> Result<Self, Failure> {
        for (name, value) in [("group_size", per_group), ("limit", groups)] {
            if value == 0 {
                let field = format!("search_group_request.group_request.{name}");
                let text = "value 0 invalid, must be 1 or larger";
                return Err(Failure::validation(BODY, field, text));
            }
        }
        Ok(Self {
            by: select::path(by)?,
            groups,
            per_group,
            lookup: lookup.map(WireLookup::decode).transpose()?,
        })
    }
}

impl Lookup {
    /// The point that a group stands for, if its value can be an id.
    fn id(key: &GroupKey) -> Option<PointId> {
        match key {
            GroupKey::Int(number) => u64::try_from(*number).ok().map(PointId::Num),
            GroupKey::UInt(number) => Some(PointId::Num(*number)),
            GroupKey::Text(text) => ids::parse_uuid(text),
        }
    }

    /// The points of the groups that exist.
    async fn records(
        &self,
        call: &Call<'_>,
        groups: &[(GroupKey, Results)],
    ) -> Result<Vec<Record>, Failure> {
        let missing = || {
            let text = format!("Not found: Collection {} not found", self.collection);
            Failure::new(http::StatusCode::NOT_FOUND, text)
        };
        let collection = CollectionRef::in_default(&self.collection).map_err(|_| missing())?;
        let query = Query::CollectionExists(collection.clone());
        match request::query(call, query).await? {
            Reply::Exists(true) => {}
            _ => return Err(missing()),
        }
        let ids: Vec<PointId> = groups.iter().filter_map(|(key, _)| Self::id(key)).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let query = Query::Retrieve {
            collection,
            ids,
            select: self.select.clone(),
        };
        match request::query(call, query).await? {
            Reply::Records(records) => Ok(records),
            other => Err(other.unexpected().into()),
        }
    }
}

/// Carries out a search and shows its results in groups.
pub(crate) async fn answer(call: &Call<'_>, ranked: Ranked, grouping: Grouping) -> Answer {
    let groups = ranked::groups(call, ranked, &grouping).await?;
    let records = match &grouping.lookup {
        None => Vec::new(),
        Some(lookup) => lookup.records(call, &groups).await?,
    };
    let shown = groups.iter().map(|(key, results)| {
        let id = Lookup::id(key);
        let record = records
            .iter()
            .find(|record| Some(&record.id) == id.as_ref());
        ShownGroup {
            hits: results.shown(),
            id: ShownKey(key),
            lookup: record.map(|record| ShownRecord {
                record,
                order_value: None,
            }),
        }
    });
    envelope::ok(
        call,
        Groups {
            groups: shown.collect(),
        },
    )
}

/// `POST /collections/{collection_name}/points/query/groups`
pub(crate) async fn query(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let wire: WireQueryGroups = request::body(call)?;
    let grouping = Grouping::decode(
        &wire.group_by,
        wire.query.limit.unwrap_or(LIMIT_DEFAULT),
        wire.group_size.unwrap_or(GROUP_SIZE_DEFAULT),
        wire.with_lookup,
    )?;
    let ranked = wire.query.decode(call, "search_group_request")?;
    answer(call, ranked, grouping).await
}

/// `POST /collections/{collection_name}/points/search/groups`
pub(crate) async fn search(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let wire: WireSearchGroups = request::body(call)?;
    let groups = wire.search.limit;
    let grouping = Grouping::decode(&wire.group_by, groups, wire.group_size, wire.with_lookup)?;
    let ranked = wire.search.decode(call, "search_group_request")?;
    answer(call, ranked, grouping).await
}

/// `POST /collections/{collection_name}/points/recommend/groups`
pub(crate) async fn recommend(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let wire: WireRecommendGroups = request::body(call)?;
    let groups = wire.recommend.limit();
    let grouping = Grouping::decode(&wire.group_by, groups, wire.group_size, wire.with_lookup)?;
    let ranked = wire.recommend.decode(call, "recommend_group_request")?;
    answer(call, ranked, grouping).await
}
