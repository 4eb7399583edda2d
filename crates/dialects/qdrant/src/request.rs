//! What requests have in common: bodies, query strings, the collection in the path.

use gateway::{Access, Call};
use model::{
    CollectionName, CollectionRef, Command, ConfigChange, ErrorKind, Filter, Outcome, Query, Reply,
    Schema, Visibility, WriteOp,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use core::fmt::{self, Display};
use core::str::FromStr;
use std::sync::Arc;

use crate::error::Failure;
use crate::memory::Remembered;
use crate::strict::{Kind, Limits};
use crate::{hints, quotas};

/// The place of a field in validation errors.
pub(crate) const BODY: &str = "JSON body";

/// A shard key, which no collection of a single process has.
pub(crate) type ShardKey = Option<WireShardKey>;

/// One key, several, or one with another for when it does not exist.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum ShardKeySelector"
)]
pub(crate) enum WireShardKey {
    Name(String),
    Number(u64),
    Several(Vec<WireShardKey>),
    WithFallback {
        target: Box<WireShardKey>,
        #[serde(rename = "fallback")]
        _fallback: Box<WireShardKey>,
    },
}

impl fmt::Display for WireShardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => number.fmt(f),
            Self::Several(keys) => match keys.first() {
                Some(key) => key.fmt(f),
                None => f.write_str("[]"),
            },
            Self::WithFallback { target, .. } => target.fmt(f),
        }
    }
}

/// The body as JSON; the content type does not matter.
pub(crate) fn body<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Failure> {
    call.json().map_err(Failure::format)
}

/// The collection or alias in the path of a request about something that should exist.
pub(crate) fn collection(call: &Call<'_>) -> Result<CollectionRef, Failure> {
    let name = call.param("collection_name");
    length_checked(name)?;
    CollectionRef::in_default(name).map_err(|_| {
        // No collection can have such a name.
        Failure::from(model::Error::no_collection(name))
    })
}

/// The name in the path of a request that creates a collection.
pub(crate) fn new_collection(call: &Call<'_>) -> Result<CollectionRef, Failure> {
    let name = call.param("collection_name");
    length_checked(name)?;
    CollectionRef::in_default(name)
        .map_err(|error| Failure::validation("path parameters", "collection_name", error))
}

fn length_checked(name: &str) -> Result<(), Failure> {
    if name.is_empty() || name.len() > model::name::NAME_BYTES_MAX {
        let text = format!("value {name:?} invalid, must be from 1 to 255 characters");
        return Err(Failure::validation(
            "path parameters",
            "collection_name",
            text,
        ));
    }
    Ok(())
}

/// Refuses a limit of zero; `at` is its path in `place`.
pub(crate) fn not_zero(limit: usize, place: &str, at: &str) -> Result<(), Failure> {
    match limit {
        0 => {
            let text = "value 0 invalid, must be 1 or larger";
            Err(Failure::validation(place, at, text))
        }
        _ => Ok(()),
    }
}

/// Refuses a shard key: a single process has one shard without a key.
pub(crate) fn no_shard_key(key: &ShardKey) -> Result<(), Failure> {
    match key {
        Some(key) => Err(Failure::bad_request(format_args!(
            "Shard key {key} not found"
        ))),
        None => Ok(()),
    }
}

/// A parameter that cannot be read.
pub(crate) fn bad_parameter(text: impl core::fmt::Display) -> Failure {
    let text = format!("Deserialize error in query parameters: {text}");
    Failure::new(http::StatusCode::BAD_REQUEST, text)
}

fn check_timeout(value: &str) -> Result<(), Failure> {
    match value.parse::<u64>() {
        Ok(0) => Err(bad_parameter(
            "invalid value: integer `0`, expected a nonzero u64",
        )),
        Ok(_) => Ok(()),
        Err(error) => Err(bad_parameter(error)),
    }
}

fn one_of(value: &str, known: &[&str]) -> Result<(), Failure> {
    if known.contains(&value) {
        return Ok(());
    }
    let expected: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let expected = expected.join(", ");
    Err(bad_parameter(format_args!(
        "unknown variant `{value}`, expected one of {expected}"
    )))
}

/// The `timeout` of a request, checked elsewhere.
fn timeout(call: &Call<'_>) -> Option<u64> {
    let mut pairs = call.query_pairs();
    let (_, value) = pairs.find(|(name, _)| name == "timeout")?;
    value.parse().ok()
}

/// Holds a reading request to the limits of its collection, where it has any: `check` for what is
/// special about the request.
pub(crate) fn hold(
    call: &Call<'_>,
    schema: &Schema,
    check: impl FnOnce(&Limits<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(limits) = Limits::of(schema)? else {
        return Ok(());
    };
    limits.check_timeout(timeout(call))?;
    check(&limits)?;
    spend(call, &limits, Kind::Read)
}

fn spend(call: &Call<'_>, limits: &Limits<'_>, kind: Kind) -> Result<(), Failure> {
    let Some((per_minute, cost)) = limits.rate(kind) else {
        return Ok(());
    };
    let now_micros = call.context.clock.now_micros();
    let name = call.param("collection_name");
    let mut rates = Remembered::of(call).rates();
    rates.spend(name, kind, per_minute, cost, now_micros)
}

/// Holds changes to the limits of their collection and to the quotas of the server.
async fn hold_write(
    call: &Call<'_>,
    collection: &CollectionRef,
    operations: &[WriteOp],
) -> Result<(), Failure> {
    let schema = schema(call, collection.clone()).await?;
    let consuming = operations.iter().any(quotas::consumes);
    if let Some(limits) = Limits::of(&schema)? {
        limits.check_timeout(timeout(call))?;
        limits.check_write(operations)?;
        if limits.bounds_size() {
            match query(call, Query::MeasureCollection(collection.clone())).await? {
                Reply::Size(size) => limits.check_size(&size, operations)?,
                other => return Err(other.unexpected().into()),
            }
        }
        if let Some(max) = limits.resident_percent_max().filter(|_| consuming) {
            quotas::check_resident(call, max)?;
        }
        spend(call, &limits, Kind::Write)?;
    }
    for operation in operations {
        if let Some(filter) = quotas::filter_of(operation) {
            hints::notice(call, collection, &schema, filter);
        }
    }
    match consuming {
        true => quotas::check(call).await,
        false => Ok(()),
    }
}

/// Checks the parameters of a reading request. A single process is consistent at every level.
pub(crate) fn read_parameters(call: &Call<'_>) -> Result<(), Failure> {
    for (name, value) in call.query_pairs() {
        match &*name {
            "timeout" => check_timeout(&value)?,
            "consistency" if value.parse::<u64>().is_err() => {
                one_of(&value, &["majority", "quorum", "all"])?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The parameters of a changing request: `wait`, and the checked others. Writes to one collection
/// are applied in one order, so every `ordering` holds.
///
/// A `timeout` only matters to who waits.
pub(crate) fn write_parameters(call: &Call<'_>) -> Result<Visibility, Failure> {
    let mut visibility = Visibility::Durable;
    for (name, value) in call.query_pairs() {
        match (&*name, &*value) {
            ("wait", "true") => visibility = Visibility::Applied,
            ("wait", "false") => visibility = Visibility::Durable,
            ("wait", _) => {
                return Err(bad_parameter("provided string was not `true` or `false`"));
            }
            ("timeout", value) => check_timeout(value)?,
            ("ordering", value) => one_of(value, &["weak", "medium", "strong"])?,
            _ => {}
        }
    }
    Ok(match (visibility, timeout(call)) {
        (Visibility::Applied, Some(seconds)) => Visibility::AppliedWithin {
            ms: seconds.saturating_mul(1000),
        },
        (visibility, _) => visibility,
    })
}

/// Whether the caller's key covers reading the collection `name`.
pub(crate) fn may_read(call: &Call<'_>, name: &CollectionName) -> bool {
    call.grant.check(Access::Read, Some(name.as_str())).is_ok()
}

/// Asks the executor, for no longer than the `timeout` of the request.
///
/// # Errors
/// `Forbidden` when the query is about a collection that the caller's key does not cover; bodies
/// can name others than the path does.
pub(crate) async fn query(call: &Call<'_>, query: Query) -> Result<Reply, Failure> {
    if let Some((collection, filter)) = subject(&query) {
        let name = collection.name.as_str();
        call.grant.check(Access::Read, Some(name))?;
        if let Some(filter) = filter {
            let schema = Query::ReadSchema(collection.clone());
            if let Reply::Schema(schema) = call.executor.query(schema).await? {
                hints::notice(call, collection, &schema, filter);
            }
        }
    }
    let query = match (timeout(call), query) {
        // Answered at once.
        (None, query) | (_, query @ Query::ReadSchema(_)) => query,
        (Some(seconds), query) => Query::Within {
            ms: seconds.saturating_mul(1000),
            query: Box::new(query),
        },
    };
    Ok(call.executor.query(query).await?)
}

/// The collection that a query is about, and its filter over points.
fn subject(query: &Query) -> Option<(&CollectionRef, Option<&Filter>)> {
    match query {
        Query::ListDatabases
        | Query::ListCollections(_)
        | Query::ListAliases(_)
        | Query::ReadAttributes(_) => None,
        Query::ListSnapshots(scope) => scope.collection().map(|collection| (collection, None)),
        Query::CollectionExists(collection)
        | Query::DescribeCollection(collection)
        | Query::ReadSchema(collection)
        | Query::MeasureCollection(collection)
        | Query::WatchUpkeep(collection)
        | Query::ListConcealed(collection)
        | Query::ReadAttachment { collection, .. }
        | Query::ListFields(collection)
        | Query::ScrollBack { collection, .. }
        | Query::Retrieve { collection, .. } => Some((collection, None)),
        Query::Scroll {
            collection, filter, ..
        }
        | Query::Count {
            collection, filter, ..
        } => Some((collection, filter.as_ref())),
        Query::Search(search) => Some((&search.collection, search.filter.as_ref())),
        Query::SearchBatch(searches) => {
            let filtered = searches.iter().find(|search| search.filter.is_some());
            let search = filtered.or(searches.first())?;
            Some((&search.collection, search.filter.as_ref()))
        }
        Query::Within { query, .. } | Query::WithConcealed(query) => subject(query),
        Query::Groups(groups) => {
            let search = &groups.search;
            Some((&search.collection, search.filter.as_ref()))
        }
        Query::Facet(facet) => Some((&facet.collection, facet.filter.as_ref())),
        Query::Matrix(matrix) => Some((&matrix.collection, matrix.filter.as_ref())),
    }
}

/// The parameter `name` of the query string, if it is given.
///
/// # Errors
/// 400 when it is no `T`.
pub(crate) fn parameter<T: FromStr<Err: Display>>(
    call: &Call<'_>,
    name: &str,
) -> Result<Option<T>, Failure> {
    let mut pairs = call.query_pairs();
    let Some((_, value)) = pairs.find(|(key, _)| key == name) else {
        return Ok(None);
    };
    value.parse().map(Some).map_err(bad_parameter)
}

/// The schema of a collection.
pub(crate) async fn schema(
    call: &Call<'_>,
    collection: CollectionRef,
) -> Result<Arc<Schema>, Failure> {
    match query(call, Query::ReadSchema(collection)).await? {
        Reply::Schema(schema) => Ok(schema),
        other => Err(other.unexpected().into()),
    }
}

/// Applies `operations` in order, all or none; the number of the last, `None` when the caller's
/// time was over before.
pub(crate) async fn write(
    call: &Call<'_>,
    collection: CollectionRef,
    operations: Vec<WriteOp>,
    visibility: Visibility,
) -> Result<Option<u64>, Failure> {
    hold_write(call, &collection, &operations).await?;
    let command = Command::Write {
        collection,
        operations,
        visibility,
    };
    match call.executor.execute(command).await? {
        Outcome::Written { operation } => Ok(Some(operation)),
        Outcome::Pending => Ok(None),
        Outcome::Done | Outcome::Existed(_) | Outcome::Snapshot(_) | Outcome::Accepted => {
            Err(model::Error::internal("a write was answered like another command").into())
        }
    }
}

/// Changes settings; `false` when what they were derived from is no longer so.
pub(crate) async fn configure(
    call: &Call<'_>,
    collection: CollectionRef,
    change: ConfigChange,
) -> Result<bool, Failure> {
    let operations = vec![WriteOp::Configure(change)];
    hold_write(call, &collection, &operations).await?;
    let command = Command::Write {
        collection,
        operations,
        visibility: Visibility::Applied,
    };
    match call.executor.execute(command).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::Conflict => Ok(false),
        Err(error) => Err(error.into()),
    }
}
