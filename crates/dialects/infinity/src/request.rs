//! What requests have in common: bodies, names, questions to the executor.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gateway::Call;
use model::{
    CollectionName, CollectionRef, Command, DatabaseName, Error, Outcome, Query, Reply, Visibility,
    WriteOp,
};

use crate::error::{Failure, code};
use crate::json::Json;
use crate::settings::Settings;

/// Longest name in bytes, exclusive.
const NAME_BYTES_END: usize = 65_536;

/// Row ids per millisecond.
const IDS_PER_MS: u64 = 1 << 12;

/// What the dialect keeps between requests.
#[derive(Default)]
pub(crate) struct Remembered {
    /// The row id given last.
    last: AtomicU64,
    /// Whether a request changes snapshots.
    pub(crate) snapshots: AtomicBool,
    /// What was set of the configuration.
    pub(crate) settings: Settings,
}

/// What a name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Database,
    Table,
    Column,
    Index,
}

/// The first of `count` row ids that follow each other, larger than any given before: rows are
/// listed in the order of their insertion. They begin with the time, so that they stay larger
/// after a restart.
pub(crate) fn new_ids(call: &Call<'_>, count: usize) -> u64 {
    let now = call.context.clock.unix_ms().saturating_mul(IDS_PER_MS);
    let count = count as u64;
    let Some(remembered) = call.memory.downcast_ref::<Remembered>() else {
        return now;
    };
    // Relaxed: nothing else is read because of it.
    let taken = remembered
        .last
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
            Some(last.max(now) + count)
        });
    taken.unwrap_or(now).max(now)
}

/// The body; an absent one is an empty object.
pub(crate) fn body(call: &Call<'_>) -> Result<Json, Failure> {
    if call.body.is_empty() {
        return Ok(Json::Object(Vec::new()));
    }
    call.json().map_err(Failure::json)
}

/// `name` in lower case, when it is a name.
pub(crate) fn checked_name(name: &str, named: Named) -> Result<String, Failure> {
    let (empty, long, wrong, what) = match named {
        Named::Database => (
            code::EMPTY_DATABASE_NAME,
            code::LONG_DATABASE_NAME,
            code::INVALID_DATABASE_NAME,
            "database",
        ),
        Named::Table => (
            code::EMPTY_TABLE_NAME,
            code::LONG_TABLE_NAME,
            code::INVALID_TABLE_NAME,
            "table",
        ),
        Named::Column => (
            code::EMPTY_COLUMN_NAME,
            code::LONG_COLUMN_NAME,
            code::INVALID_COLUMN_NAME,
            "column",
        ),
        Named::Index => (
            code::EMPTY_INDEX_NAME,
            code::LONG_INDEX_NAME,
            code::INVALID_INDEX_NAME,
            "index",
        ),
    };
    if name.is_empty() {
        return Err(Failure::new(empty, format!("Empty {what} name.")));
    }
    if name.len() >= NAME_BYTES_END {
        let text = format!(
            "The {what} name is longer than {} bytes.",
            NAME_BYTES_END - 1
        );
        return Err(Failure::new(long, text));
    }
    let mut bytes = name.bytes();
    let first = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !first || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        let text = format!("Invalid {what} name: {name}");
        return Err(Failure::new(wrong, text));
    }
    Ok(name.to_ascii_lowercase())
}

/// The database in the path.
pub(crate) fn database(call: &Call<'_>) -> Result<DatabaseName, Failure> {
    let name = checked_name(call.param("database_name"), Named::Database)?;
    // Names of ours are shorter than Infinity's may be.
    DatabaseName::new(&name).map_err(|error| Failure::new(code::LONG_DATABASE_NAME, error.message))
}

/// The table that `name` is, in the database of the path.
pub(crate) fn table_named(call: &Call<'_>, name: &str) -> Result<CollectionRef, Failure> {
    let database = database(call)?;
    let name = checked_name(name, Named::Table)?;
    let name = CollectionName::new(&name)
        .map_err(|error| Failure::new(code::LONG_TABLE_NAME, error.message))?;
    Ok(CollectionRef { database, name })
}

/// Carries out `command`.
pub(crate) async fn execute(call: &Call<'_>, command: Command) -> Result<Outcome, Error> {
    call.executor.execute(command).await
}

/// Applies `operations` to `collection`, all or none.
pub(crate) async fn write(
    call: &Call<'_>,
    collection: &CollectionRef,
    operations: Vec<WriteOp>,
) -> Result<(), Error> {
    let command = Command::Write {
        collection: collection.clone(),
        operations,
        visibility: Visibility::Applied,
    };
    execute(call, command).await.map(drop)
}

/// Answers `query`.
pub(crate) async fn query(call: &Call<'_>, query: Query) -> Result<Reply, Error> {
    call.executor.query(query).await
}

/// What is done when the thing to be created exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfExists {
    Fail,
    Ignore,
    Replace,
}

/// The `create_option` of a body.
pub(crate) fn create_option(body: &Json) -> Result<IfExists, Failure> {
    match body.get("create_option") {
        None => Ok(IfExists::Fail),
        Some(Json::Text(text)) => match text.to_ascii_lowercase().as_str() {
            "error" => Ok(IfExists::Fail),
            "ignore_if_exists" => Ok(IfExists::Ignore),
            "replace_if_exists" => Ok(IfExists::Replace),
            _ => Err(Failure::new(
                code::CREATE_OPTION,
                format!("Invalid create option: {text}"),
            )),
        },
        Some(_) => Err(Failure::new(
            code::CREATE_OPTION,
            "'CREATE OPTION' field value should be string type",
        )),
    }
}

/// Whether the `drop_option` of a body lets what is missing pass.
pub(crate) fn ignores_missing(body: &Json) -> Result<bool, Failure> {
    match body.get("drop_option") {
        None => Ok(false),
        Some(Json::Text(text)) => match text.to_ascii_lowercase().as_str() {
            "error" => Ok(false),
            "ignore_if_not_exists" => Ok(true),
            _ => Err(Failure::new(
                code::DROP_OPTION,
                format!("Invalid drop option: {text}"),
            )),
        },
        Some(_) => Err(Failure::new(
            code::DROP_OPTION,
            "'DROP OPTION' field value should be string type",
        )),
    }
}
