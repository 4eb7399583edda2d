//! Snapshots of tables. The engine keeps them; the names that callers give lie among the
//! attributes of the database, since the engine's own names are others.
//!
//! A snapshot outlives its table, and is brought back when there is none of the name. Databases
//! take their snapshots with them, so there are none of whole databases.

use core::sync::atomic::{AtomicBool, Ordering};

use gateway::Call;
use model::{
    ArchiveOf, CollectionName, CollectionRef, Command, DatabaseName, ErrorKind, Object, Outcome,
    Query, Reply, Schema, SnapshotRecovery, SnapshotScope, Timestamp, Value, Waiting,
};
use serde_json::{Value as Out, json};

use crate::answer::{Answer, done, ok};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::request::{self, Named, Remembered};
use crate::table::Table;

/// The key of this dialect among the attributes of a database, and that of snapshots below it.
const DIALECT: &str = "infinity";
const SNAPSHOTS: &str = "snapshots";

/// Longest name in bytes.
const NAME_BYTES_MAX: usize = 255;

/// A snapshot by the name that a caller gave it.
#[derive(Clone, Debug)]
struct Kept {
    name: String,
    table: CollectionRef,
    /// The engine's name.
    inner: String,
    unix_ms: i64,
    bytes: i64,
}

impl Kept {
    fn to_value(&self) -> Value {
        Value::Object(Object::from_iter([
            ("name", self.name.as_str().into()),
            ("table", self.table.name.as_str().into()),
            ("inner", self.inner.as_str().into()),
            ("unix_ms", Value::Int(self.unix_ms)),
            ("bytes", Value::Int(self.bytes)),
        ]))
    }

    fn of_value(database: &DatabaseName, value: &Value) -> Option<Self> {
        let json = Json::from(value);
        let text = |name| json.get(name).and_then(Json::as_text).map(str::to_owned);
        let number = |name| json.get(name).and_then(Json::as_count);
        Some(Self {
            name: text("name")?,
            table: CollectionRef {
                database: database.clone(),
                name: CollectionName::new(&text("table")?).ok()?,
            },
            inner: text("inner")?,
            unix_ms: number("unix_ms")?,
            bytes: number("bytes")?,
        })
    }

    fn scope(&self) -> SnapshotScope {
        SnapshotScope::Collection(self.table.clone())
    }

    fn show(&self) -> Out {
        let at = Timestamp(self.unix_ms.saturating_mul(1000)).to_second();
        json!({
            "name": self.name,
            "scope": "table",
            "time": at.replace('T', " "),
            "commit": self.unix_ms,
            "size": format!("{}B", self.bytes),
        })
    }
}

async fn attributes(call: &Call<'_>, database: &DatabaseName) -> Result<Object, Failure> {
    match request::query(call, Query::ReadAttributes(database.clone())).await? {
        Reply::Attributes(attributes) => Ok(Object::clone(&attributes)),
        other => Err(other.unexpected().into()),
    }
}

fn listed(database: &DatabaseName, attributes: &Object) -> Vec<Kept> {
    let own = match attributes.get(DIALECT) {
        Some(Value::Object(own)) => own.get(SNAPSHOTS),
        _ => None,
    };
    match own {
        Some(Value::Array(list)) => {
            let kept = list.iter();
            kept.filter_map(|value| Kept::of_value(database, value))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The snapshots of every database.
async fn all(call: &Call<'_>) -> Result<Vec<Kept>, Failure> {
    let databases = match request::query(call, Query::ListDatabases).await? {
        Reply::Databases(names) => names,
        other => return Err(other.unexpected().into()),
    };
    let mut all = Vec::new();
    for database in databases {
        all.extend(listed(&database, &attributes(call, &database).await?));
    }
    all.sort_by(|a, b| (a.unix_ms, &a.name).cmp(&(b.unix_ms, &b.name)));
    Ok(all)
}

async fn find(call: &Call<'_>, name: &str) -> Result<Kept, Failure> {
    let found = all(call).await?.into_iter().find(|kept| kept.name == name);
    found.ok_or_else(|| {
        let text = format!("Snapshot: {name} not found");
        Failure::new(code::NOT_FOUND, text)
    })
}

/// Replaces the list of one database by what `change` makes of it.
async fn change(
    call: &Call<'_>,
    database: &DatabaseName,
    change: impl FnOnce(&mut Vec<Kept>),
) -> Result<(), Failure> {
    let mut attributes = attributes(call, database).await?;
    let mut list = listed(database, &attributes);
    change(&mut list);
    let mut own = match attributes.get(DIALECT) {
        Some(Value::Object(own)) => own.clone(),
        Some(_) | None => Object::new(),
    };
    let list = list.iter().map(Kept::to_value).collect();
    own.insert(SNAPSHOTS, Value::Array(list));
    attributes.insert(DIALECT, Value::Object(own));
    let command = Command::SetAttributes {
        database: database.clone(),
        attributes,
    };
    request::execute(call, command).await?;
    Ok(())
}

/// The right to change snapshots: attributes are read and written in two steps, so one request
/// at a time has it.
struct Turn<'c>(&'c AtomicBool);

impl<'c> Turn<'c> {
    fn take(call: &'c Call<'_>) -> Result<Self, Failure> {
        let unexpected = || Failure::new(code::UNEXPECTED, "the dialect has no memory");
        let remembered = call.memory.downcast_ref::<Remembered>();
        let taken = &remembered.ok_or_else(unexpected)?.snapshots;
        match taken.swap(true, Ordering::Acquire) {
            false => Ok(Self(taken)),
            true => {
                let text = "another snapshot is being made, restored or dropped";
                Err(Failure::new(code::CONFLICT, text))
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn required<'b>(body: &'b Json, name: &str) -> Result<&'b str, Failure> {
    let text = body.get(name).and_then(Json::as_text);
    text.ok_or_else(|| Failure::json(format_args!("`{name}` must be a text")))
}

fn snapshot_name(body: &Json) -> Result<String, Failure> {
    let name = required(body, "snapshot_name")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
        let text = format!("Invalid snapshot name: {name}");
        return Err(Failure::new(code::INVALID_DATABASE_NAME, text));
    }
    Ok(name.to_owned())
}

/// `GET /snapshots`
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let shown: Vec<Out> = all(call).await?.iter().map(Kept::show).collect();
    ok(json!({ "snapshots": shown }))
}

/// `GET /snapshots/{snapshot_name}`
pub(crate) async fn show(call: &Call<'_>) -> Answer {
    let kept = find(call, call.param("snapshot_name")).await?;
    ok(json!({ "snapshot": kept.show() }))
}

/// `POST /snapshots`
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let name = snapshot_name(&body)?;
    let database = request::checked_name(required(&body, "db_name")?, Named::Database)?;
    let database = DatabaseName::new(&database)?;
    crate::databases::exists(call, &database).await?;
    let table = request::checked_name(required(&body, "table_name")?, Named::Table)?;
    let table = CollectionRef {
        database,
        name: CollectionName::new(&table)?,
    };
    let table = Table::read(call, table).await?.collection;
    let _turn = Turn::take(call)?;
    if all(call).await?.iter().any(|kept| kept.name == name) {
        let text = format!("Snapshot: {name} already exists");
        return Err(Failure::new(code::SNAPSHOT_EXISTS, text));
    }
    let scope = SnapshotScope::Collection(table.clone());
    let command = Command::CreateSnapshot {
        scope: scope.clone(),
        waiting: Waiting::UntilDone,
    };
    let Outcome::Snapshot(info) = request::execute(call, command).await? else {
        return Err(Failure::new(code::UNEXPECTED, "no snapshot was made"));
    };
    let kept = Kept {
        name,
        table: table.clone(),
        inner: info.name.clone(),
        unix_ms: info.created.0 / 1000,
        bytes: i64::try_from(info.bytes).unwrap_or(i64::MAX),
    };
    if let Err(failure) = change(call, &table.database, |list| list.push(kept)).await {
        // Without its name nobody could let it go.
        let name = info.name;
        request::execute(call, Command::DeleteSnapshot { scope, name }).await?;
        return Err(failure);
    }
    done()
}

/// Makes an empty table when there is none: what is kept of a table is found by the name of a
/// table that exists. Whether it was made.
async fn stand_in(call: &Call<'_>, table: &CollectionRef) -> Result<bool, Failure> {
    let command = Command::CreateCollection {
        collection: table.clone(),
        schema: Schema::default(),
    };
    match request::execute(call, command).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn remove_stand_in(call: &Call<'_>, table: &CollectionRef) -> Result<(), Failure> {
    let collection = table.clone();
    request::execute(call, Command::DropCollection { collection }).await?;
    Ok(())
}

/// `POST /snapshots/restore`
pub(crate) async fn restore(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let name = snapshot_name(&body)?;
    let kept = find(call, &name).await?;
    let _turn = Turn::take(call)?;
    if !stand_in(call, &kept.table).await? {
        let text = format!("Table: {} is already existed", kept.table.name);
        return Err(Failure::new(code::DUPLICATE_TABLE, text));
    }
    let archive = call.executor.archive(ArchiveOf::Kept {
        scope: kept.scope(),
        name: kept.inner.clone(),
    });
    let archive = archive.await;
    remove_stand_in(call, &kept.table).await?;
    let archive = match archive {
        Err(error) if error.kind == ErrorKind::NotFound => {
            let text = format!("Snapshot: {name} was deleted");
            return Err(Failure::new(code::SNAPSHOT_DELETED, text));
        }
        other => other?,
    };
    let recovery = SnapshotRecovery {
        into: kept.scope(),
        sha256: None,
        waiting: Waiting::UntilDone,
    };
    call.executor.recover(recovery, archive.source).await?;
    done()
}

/// `DELETE /snapshots/{snapshot_name}`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let name = call.param("snapshot_name").to_owned();
    let kept = find(call, &name).await?;
    let _turn = Turn::take(call)?;
    let made = stand_in(call, &kept.table).await?;
    let command = Command::DeleteSnapshot {
        scope: kept.scope(),
        name: kept.inner.clone(),
    };
    let deleted = request::execute(call, command).await;
    if made {
        remove_stand_in(call, &kept.table).await?;
    }
    match deleted {
        // Another interface was quicker; its name goes all the same.
        Err(error) if error.kind != ErrorKind::NotFound => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    change(call, &kept.table.database, |list| {
        list.retain(|other| other.name != name);
    })
    .await?;
    done()
}

/// `POST /snapshots/database` and `/snapshots/database/restore`
pub(crate) async fn of_database(call: &Call<'_>) -> Answer {
    snapshot_name(&request::body(call)?)?;
    Err(Failure::not_supported(
        "snapshots of a database, which would end with it: take them of its tables",
    ))
}

/// `POST /snapshots/system` and `/snapshots/system/restore`
pub(crate) async fn of_system(call: &Call<'_>) -> Answer {
    snapshot_name(&request::body(call)?)?;
    Err(Failure::not_supported(
        "snapshots of everything: take them of tables",
    ))
}
