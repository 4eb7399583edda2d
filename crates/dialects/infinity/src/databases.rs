//! Databases.

use gateway::Call;
use model::{CollectionName, Command, DatabaseName, ErrorKind, Outcome, Query, Reply};
use serde_json::json;

use crate::answer::{Answer, done, ok};
use crate::error::{Failure, code};
use crate::request::{self, IfExists};

/// `GET /databases`
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let names: Vec<String> = names(call).await?.iter().map(ToString::to_string).collect();
    ok(json!({ "databases": names }))
}

/// All databases, in the order in which they were created.
pub(crate) async fn names(call: &Call<'_>) -> Result<Vec<DatabaseName>, Failure> {
    match request::query(call, Query::ListDatabases).await? {
        Reply::Databases(names) => Ok(names),
        other => Err(other.unexpected().into()),
    }
}

/// `GET /databases/{database_name}`
pub(crate) async fn show(call: &Call<'_>) -> Answer {
    let database = request::database(call)?;
    exists(call, &database).await?;
    let tables = tables(call, &database).await?;
    ok(json!({
        "database_name": database.as_str(),
        "storage_directory": directory(&database),
        "table_count": tables.len().to_string(),
        "comment": "",
    }))
}

/// Where a database would be, as a name: stores keep objects, and no directory is shown.
pub(crate) fn directory(database: &DatabaseName) -> String {
    format!("db_{database}")
}

/// Refuses a database that does not exist.
pub(crate) async fn exists(call: &Call<'_>, database: &DatabaseName) -> Result<(), Failure> {
    match names(call).await?.contains(database) {
        true => Ok(()),
        false => Err(Failure::no_database(database.as_str())),
    }
}

/// The names of the tables of a database, ascending.
///
/// # Errors
/// 3021 when there is no such database.
pub(crate) async fn tables(
    call: &Call<'_>,
    database: &DatabaseName,
) -> Result<Vec<CollectionName>, Failure> {
    match request::query(call, Query::ListCollections(database.clone())).await? {
        Reply::Collections(names) => Ok(names),
        other => Err(other.unexpected().into()),
    }
}

/// `POST /databases/{database_name}`
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let option = request::create_option(&body)?;
    let database = request::database(call)?;
    let command = Command::CreateDatabase {
        database: database.clone(),
    };
    match request::execute(call, command.clone()).await {
        Err(error) if error.kind == ErrorKind::AlreadyExists && option == IfExists::Ignore => {}
        Err(error) if error.kind == ErrorKind::AlreadyExists && option == IfExists::Replace => {
            drop_one(call, database).await?;
            request::execute(call, command).await?;
        }
        other => drop(other?),
    }
    done()
}

/// `DELETE /databases/{database_name}`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let ignores_missing = request::ignores_missing(&body)?;
    let database = request::database(call)?;
    let name = database.to_string();
    match drop_one(call, database).await? {
        false if !ignores_missing => Err(Failure::no_database(&name)),
        _ => done(),
    }
}

/// Whether it existed.
async fn drop_one(call: &Call<'_>, database: DatabaseName) -> Result<bool, Failure> {
    if database == DatabaseName::default() {
        let text = format!("Can't drop using database: {database}");
        return Err(Failure::new(code::DROP_USED_DATABASE, text));
    }
    let command = Command::DropDatabase { database };
    match request::execute(call, command).await {
        Ok(Outcome::Existed(existed)) => Ok(existed),
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}
