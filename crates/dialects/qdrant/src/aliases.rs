//! Further names of collections.

use gateway::Call;
use model::{AliasChange, CollectionName, Command, DatabaseName, Query, Reply};
use serde::{Deserialize, Serialize};

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::request::{self, BODY};

#[derive(Deserialize)]
struct WireChanges {
    actions: Vec<WireChange>,
}

#[derive(Deserialize)]
enum WireChange {
    #[serde(rename = "create_alias")]
    Create {
        collection_name: String,
        alias_name: String,
    },
    #[serde(rename = "delete_alias")]
    Delete { alias_name: String },
    #[serde(rename = "rename_alias")]
    Rename {
        old_alias_name: String,
        new_alias_name: String,
    },
}

#[derive(Serialize)]
struct Alias<'a> {
    alias_name: &'a str,
    collection_name: &'a str,
}

#[derive(Serialize)]
struct Aliases<'a> {
    aliases: Vec<Alias<'a>>,
}

/// A name that something may get.
fn new_name(field: &str, name: &str) -> Result<CollectionName, Failure> {
    CollectionName::new(name).map_err(|error| Failure::validation(BODY, field, error))
}

impl WireChange {
    fn decode(self) -> Result<AliasChange, Failure> {
        Ok(match self {
            Self::Create {
                collection_name,
                alias_name,
            } => AliasChange::Create {
                alias: new_name("alias_name", &alias_name)?,
                collection: CollectionName::new(&collection_name)
                    .map_err(|_| model::Error::no_collection(&collection_name))?,
            },
            Self::Delete { alias_name } => AliasChange::Delete {
                alias: new_name("alias_name", &alias_name)?,
            },
            Self::Rename {
                old_alias_name,
                new_alias_name,
            } => AliasChange::Rename {
                from: new_name("old_alias_name", &old_alias_name)?,
                to: new_name("new_alias_name", &new_alias_name)?,
            },
        })
    }
}

/// `POST /collections/aliases`
pub(crate) async fn change(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let wire: WireChanges = request::body(call)?;
    let changes = wire
        .actions
        .into_iter()
        .map(WireChange::decode)
        .collect::<Result<_, _>>()?;
    let command = Command::ChangeAliases {
        database: DatabaseName::default(),
        changes,
    };
    call.executor.execute(command).await?;
    envelope::ok(call, true)
}

async fn all(call: &Call<'_>) -> Result<Vec<(CollectionName, CollectionName)>, Failure> {
    match request::query(call, Query::ListAliases(DatabaseName::default())).await? {
        Reply::Aliases(aliases) => Ok(aliases),
        other => Err(other.unexpected().into()),
    }
}

fn shown<'a>(
    aliases: impl IntoIterator<Item = &'a (CollectionName, CollectionName)>,
) -> Aliases<'a> {
    let alias = |(alias, collection): &'a (CollectionName, CollectionName)| Alias {
        alias_name: alias.as_str(),
        collection_name: collection.as_str(),
    };
    Aliases {
        aliases: aliases.into_iter().map(alias).collect(),
    }
}

/// `GET /aliases`
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let aliases = all(call).await?;
    let seen = |of: &&(CollectionName, CollectionName)| request::may_read(call, &of.1);
    envelope::ok(call, shown(aliases.iter().filter(seen)))
}

/// `GET /collections/{collection_name}/aliases`
pub(crate) async fn of_collection(call: &Call<'_>) -> Answer {
    let collection = request::collection(call)?;
    if let Reply::Exists(false) =
        request::query(call, Query::CollectionExists(collection.clone())).await?
    {
        return Err(model::Error::no_collection(collection.name.as_str()).into());
    }
    let aliases = all(call).await?;
    envelope::ok(
        call,
        shown(
            aliases
                .iter()
                .filter(|(_, target)| *target == collection.name),
        ),
    )
}
