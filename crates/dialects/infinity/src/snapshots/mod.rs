//! Snapshots of tables, of databases and of everything. The engine keeps them; the names that
//! callers give lie among the attributes of a database, since the engine's own names are others:
//! of a table in those of its database, of more than that in those of the first database.
//!
//! A snapshot outlives its table or database, and is brought back when there is none of the name.
//! A dropped database takes the snapshots of its tables with it. One of everything consists of one
//! of each database.

mod kept;

use core::sync::atomic::{AtomicBool, Ordering};

use gateway::Call;
use model::{
    ArchiveOf, CollectionName, CollectionRef, Command, DatabaseName, ErrorKind, Object, Outcome,
    Query, Reply, Schema, SnapshotRecovery, SnapshotScope, Value, Waiting,
};
use serde_json::{Value as Out, json};

use self::kept::{Extent, Kept, Part};
use crate::answer::{Answer, done, ok};
use crate::databases;
use crate::error::{Failure, code};
use crate::json::Json;
use crate::request::{self, Named, Remembered};
use crate::table::Table;

/// The key of this dialect among the attributes of a database, and that of snapshots below it.
const DIALECT: &str = "infinity";
const SNAPSHOTS: &str = "snapshots";

/// Longest name in bytes.
const NAME_BYTES_MAX: usize = 255;

async fn attributes(call: &Call<'_>, database: &DatabaseName) -> Result<Object, Failure> {
    match request::query(call, Query::ReadAttributes(database.clone())).await? {
        Reply::Attributes(attributes) => Ok(Object::clone(&attributes)),
        other => Err(other.unexpected().into()),
    }
}

fn listed(attributes: &Object) -> Vec<Kept> {
    let own = match attributes.get(DIALECT) {
        Some(Value::Object(own)) => own.get(SNAPSHOTS),
        _ => None,
    };
    match own {
        Some(Value::Array(list)) => list.iter().filter_map(Kept::of_value).collect(),
        _ => Vec::new(),
    }
}

/// The snapshots of every database.
async fn all(call: &Call<'_>) -> Result<Vec<Kept>, Failure> {
    let mut all = Vec::new();
    for database in databases::names(call).await? {
        all.extend(listed(&attributes(call, &database).await?));
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
    let mut list = listed(&attributes);
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

/// Has the engine keep the present state of each of `scopes`, and gives it a name.
async fn keep(call: &Call<'_>, name: String, extent: Extent, scopes: Vec<SnapshotScope>) -> Answer {
    let _turn = Turn::take(call)?;
    if all(call).await?.iter().any(|kept| kept.name == name) {
        let text = format!("Snapshot: {name} already exists");
        return Err(Failure::new(code::SNAPSHOT_EXISTS, text));
    }
    let mut kept = Kept {
        name,
        extent,
        parts: Vec::new(),
        unix_ms: call.context.clock.unix_ms() as i64,
        bytes: 0,
    };
    let made = make(call, &mut kept, scopes).await;
    let (home, named) = (kept.home(), kept.clone());
    let named = match made {
        Ok(()) => change(call, &home, |list| list.push(named)).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = named {
        // Without its name nobody could let it go.
        for part in &kept.parts {
            let (scope, name) = (part.scope.clone(), part.inner.clone());
            request::execute(call, Command::DeleteSnapshot { scope, name }).await?;
        }
        return Err(failure);
    }
    done()
}

async fn make(call: &Call<'_>, kept: &mut Kept, scopes: Vec<SnapshotScope>) -> Result<(), Failure> {
    for scope in scopes {
        let command = Command::CreateSnapshot {
            scope: scope.clone(),
            waiting: Waiting::UntilDone,
        };
        let Outcome::Snapshot(info) = request::execute(call, command).await? else {
            return Err(Failure::new(code::UNEXPECTED, "no snapshot was made"));
        };
        let bytes = i64::try_from(info.bytes).unwrap_or(i64::MAX);
        kept.bytes = kept.bytes.saturating_add(bytes);
        kept.unix_ms = info.created.0 / 1000;
        let inner = info.name;
        kept.parts.push(Part { scope, inner });
    }
    Ok(())
}

/// `POST /snapshots`
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let name = snapshot_name(&body)?;
    let database = existing(call, &body).await?;
    let table = request::checked_name(required(&body, "table_name")?, Named::Table)?;
    let table = CollectionRef {
        database,
        name: CollectionName::new(&table)?,
    };
    let table = Table::read(call, table).await?.collection;
    let scopes = vec![SnapshotScope::Collection(table)];
    keep(call, name, Extent::Table, scopes).await
}

/// The database that a body names.
async fn existing(call: &Call<'_>, body: &Json) -> Result<DatabaseName, Failure> {
    let database = request::checked_name(required(body, "db_name")?, Named::Database)?;
    let database = DatabaseName::new(&database)?;
    databases::exists(call, &database).await?;
    Ok(database)
}

/// `POST /snapshots/database`
pub(crate) async fn create_of_database(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let name = snapshot_name(&body)?;
    let scopes = vec![SnapshotScope::Database(existing(call, &body).await?)];
    keep(call, name, Extent::Database, scopes).await
}

/// `POST /snapshots/system`
pub(crate) async fn create_of_system(call: &Call<'_>) -> Answer {
    let name = snapshot_name(&request::body(call)?)?;
    let names = databases::names(call).await?.into_iter();
    let scopes = names.map(SnapshotScope::Database).collect();
    keep(call, name, Extent::System, scopes).await
}

/// What is kept of a table or database is found by the name of one that exists; an empty one is
/// made when there is none.
struct StandIn(Option<Command>);

impl StandIn {
    async fn make(call: &Call<'_>, scope: &SnapshotScope) -> Result<Self, Failure> {
        let (make, remove) = match scope {
            SnapshotScope::Collection(table)
            | SnapshotScope::Shard {
                collection: table, ..
            } => (
                Command::CreateCollection {
                    collection: table.clone(),
                    schema: Schema::default(),
                },
                Command::DropCollection {
                    collection: table.clone(),
                },
            ),
            SnapshotScope::Database(database) => (
                Command::CreateDatabase {
                    database: database.clone(),
                },
                Command::DropDatabase {
                    database: database.clone(),
                },
            ),
        };
        match request::execute(call, make).await {
            Ok(_) => Ok(Self(Some(remove))),
            Err(error) if error.kind == ErrorKind::AlreadyExists => Ok(Self(None)),
            Err(error) => Err(error.into()),
        }
    }

    async fn remove(self, call: &Call<'_>) -> Result<(), Failure> {
        if let Some(remove) = self.0 {
            request::execute(call, remove).await?;
        }
        Ok(())
    }
}

/// `POST /snapshots/restore`
pub(crate) async fn restore(call: &Call<'_>) -> Answer {
    bring_back(call, Extent::Table).await
}

/// `POST /snapshots/database/restore`
pub(crate) async fn restore_database(call: &Call<'_>) -> Answer {
    bring_back(call, Extent::Database).await
}

/// `POST /snapshots/system/restore`
pub(crate) async fn restore_system(call: &Call<'_>) -> Answer {
    bring_back(call, Extent::System).await
}

async fn bring_back(call: &Call<'_>, extent: Extent) -> Answer {
    let name = snapshot_name(&request::body(call)?)?;
    let kept = find(call, &name).await?;
    if kept.extent != extent {
        let text = format!(
            "Snapshot: {name} is of a {}, not of a {}",
            kept.extent.name(),
            extent.name()
        );
        return Err(Failure::new(code::NOT_FOUND, text));
    }
    let _turn = Turn::take(call)?;
    match extent {
        Extent::Table | Extent::Database => {
            for part in &kept.parts {
                is_free(call, &part.scope).await?;
            }
        }
        // All of it takes the place of all that is there.
        Extent::System => {}
    }
    for part in &kept.parts {
        recover(call, &name, part).await?;
    }
    if extent == Extent::System {
        drop_others(call, &kept).await?;
    }
    done()
}

/// Drops the databases that a snapshot of everything does not have.
async fn drop_others(call: &Call<'_>, kept: &Kept) -> Result<(), Failure> {
    for database in databases::names(call).await? {
        let mut parts = kept.parts.iter();
        if !parts.any(|part| *part.scope.database() == database) {
            request::execute(call, Command::DropDatabase { database }).await?;
        }
    }
    Ok(())
}

/// Refuses to write over what is there. The first database cannot be dropped, so it counts as
/// missing while it has no tables.
async fn is_free(call: &Call<'_>, scope: &SnapshotScope) -> Result<(), Failure> {
    let database = scope.database();
    let exists = databases::names(call).await?.contains(database);
    let (taken, kind, name, code) = match scope {
        SnapshotScope::Collection(table)
        | SnapshotScope::Shard {
            collection: table, ..
        } => {
            let taken = exists
                && databases::tables(call, database)
                    .await?
                    .contains(&table.name);
            (taken, "Table", table.name.as_str(), code::DUPLICATE_TABLE)
        }
        SnapshotScope::Database(name) => {
            let taken = exists
                && (*name != DatabaseName::default()
                    || !databases::tables(call, name).await?.is_empty());
            (taken, "Database", name.as_str(), code::DUPLICATE_DATABASE)
        }
    };
    match taken {
        true => Err(Failure::new(
            code,
            format!("{kind}: {name} is already existed"),
        )),
        false => Ok(()),
    }
}

async fn recover(call: &Call<'_>, name: &str, part: &Part) -> Result<(), Failure> {
    let stand_in = StandIn::make(call, &part.scope).await?;
    let archive = call.executor.archive(ArchiveOf::Kept {
        scope: part.scope.clone(),
        name: part.inner.clone(),
    });
    let archive = match archive.await {
        Ok(archive) => archive,
        Err(error) => {
            stand_in.remove(call).await?;
            if error.kind == ErrorKind::NotFound {
                let text = format!("Snapshot: {name} was deleted");
                return Err(Failure::new(code::SNAPSHOT_DELETED, text));
            }
            return Err(error.into());
        }
    };
    let recovery = SnapshotRecovery {
        into: part.scope.clone(),
        sha256: None,
        waiting: Waiting::UntilDone,
    };
    // A table must not be there when it comes back, for its vectors are others; a database must.
    let stays = match part.scope {
        SnapshotScope::Database(_) => Some(stand_in),
        SnapshotScope::Collection(_) | SnapshotScope::Shard { .. } => {
            stand_in.remove(call).await?;
            None
        }
    };
    if let Err(error) = call.executor.recover(recovery, archive.source).await {
        if let Some(stand_in) = stays {
            stand_in.remove(call).await?;
        }
        return Err(error.into());
    }
    Ok(())
}

/// `DELETE /snapshots/{snapshot_name}`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let name = call.param("snapshot_name").to_owned();
    let kept = find(call, &name).await?;
    let _turn = Turn::take(call)?;
    for part in &kept.parts {
        let stand_in = StandIn::make(call, &part.scope).await?;
        let command = Command::DeleteSnapshot {
            scope: part.scope.clone(),
            name: part.inner.clone(),
        };
        let deleted = request::execute(call, command).await;
        stand_in.remove(call).await?;
        match deleted {
            // Another interface was quicker; its name goes all the same.
            Err(error) if error.kind != ErrorKind::NotFound => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
    }
    change(call, &kept.home(), |list| {
        list.retain(|other| other.name != name);
    })
    .await?;
    done()
}
