//! Databases: made, listed, dropped.

use gateway::Call;
use model::{Command, DatabaseName, ErrorKind, Query, Reply};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::Failure;
use crate::reply::{Answer, success};
use crate::request::{ask, body, only, order};

#[derive(Deserialize)]
struct Named {
    database_name: String,
}

#[derive(Deserialize)]
struct Created {
    database_name: String,
    #[serde(default)]
    drop_if_exists: bool,
}

/// Names of all databases, in the order in which they were created.
pub(crate) async fn names(call: &Call<'_>) -> Result<Vec<DatabaseName>, Failure> {
    match ask(call, Query::ListDatabases).await? {
        Reply::Databases(names) => Ok(names),
        other => Err(other.unexpected().into()),
    }
}

pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let names = names(call).await?.into_iter();
    let names: Vec<Json> = names.map(|name| name.as_str().into()).collect();
    Ok(success(only("databases", names)))
}

pub(crate) async fn exists(call: &Call<'_>) -> Answer {
    let named: Named = body(call)?;
    let known = names(call).await?;
    let exists = known.iter().any(|n| n.as_str() == named.database_name);
    let mut params = only("database_name", named.database_name);
    params.insert("exists".into(), exists.into());
    Ok(success(params))
}

/// Creates a database; one that exists stays as it is, unless it is to be dropped first.
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let asked: Created = body(call)?;
    let database = DatabaseName::new(&asked.database_name)?;
    if asked.drop_if_exists {
        drop_named(call, &database).await?;
    }
    ensure(call, database).await?;
    Ok(success(only("database_name", asked.database_name)))
}

/// Creates the database unless it exists.
pub(crate) async fn ensure(call: &Call<'_>, database: DatabaseName) -> Result<(), Failure> {
    match call
        .executor
        .execute(Command::CreateDatabase { database })
        .await
    {
        Err(error) if error.kind != ErrorKind::AlreadyExists => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Drops a database. The one that always exists loses its collections instead when it is to be
/// made anew.
async fn drop_named(call: &Call<'_>, database: &DatabaseName) -> Result<(), Failure> {
    if database.as_str() != DatabaseName::DEFAULT {
        let database = database.clone();
        return order(call, Command::DropDatabase { database })
            .await
            .map(|_| ());
    }
    for name in crate::collection::names(call, database).await? {
        let collection = model::CollectionRef {
            database: database.clone(),
            name,
        };
        order(call, Command::DropCollection { collection }).await?;
    }
    Ok(())
}

pub(crate) async fn drop(call: &Call<'_>) -> Answer {
    let named: Named = body(call)?;
    let database = DatabaseName::new(&named.database_name)?;
    order(call, Command::DropDatabase { database }).await?;
    Ok(success(only("database_name", named.database_name)))
}
