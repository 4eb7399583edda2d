//! What is read of every request: bodies, query strings, names, limits.

use std::collections::BTreeMap;

use gateway::Call;
use http::header::CONTENT_TYPE;
use model::{
    CollectionName, CollectionRef, Command, DatabaseName, Outcome, Query, Reply, Visibility,
    WriteOp,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::error::Failure;
use crate::reply::Params;

/// Most results that a request may ask for.
pub(crate) const TOP_K_MAX: usize = 10_000;

/// Most vectors of one request.
pub(crate) const BATCH_MAX: usize = 100_000;

/// Records read from a collection at a time.
pub(crate) const PAGE: usize = 4_096;

/// Where a body about a collection is aimed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct At {
    pub(crate) database_name: String,
    pub(crate) collection_name: String,
}

/// A struct of a body about a collection: its own fields beside `database_name` and
/// `collection_name`, and `at()`.
macro_rules! about_collection {
    ($(#[$doc:meta])* struct $name:ident { $($(#[$meta:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, serde::Deserialize)]
        pub(crate) struct $name {
            database_name: String,
            collection_name: String,
            $($(#[$meta])* pub(crate) $field: $kind,)*
        }

        impl $name {
            /// Where it is aimed.
            pub(crate) fn at(&self) -> $crate::request::At {
                $crate::request::At {
                    database_name: self.database_name.clone(),
                    collection_name: self.collection_name.clone(),
                }
            }
        }
    };
}
pub(crate) use about_collection;

impl At {
    /// The collection.
    ///
    /// # Errors
    /// When a name cannot be one.
    pub(crate) fn collection(&self) -> Result<CollectionRef, Failure> {
        Ok(CollectionRef {
            database: DatabaseName::new(&self.database_name)?,
            name: CollectionName::new(&self.collection_name)?,
        })
    }

    /// What a response repeats of the request.
    pub(crate) fn echo(&self) -> Params {
        let mut params = Params::new();
        params.insert("database_name".into(), self.database_name.clone().into());
        params.insert(
            "collection_name".into(),
            self.collection_name.clone().into(),
        );
        params
    }

    /// As [`At::echo`], and one thing more.
    pub(crate) fn echo_with(&self, name: &str, value: impl Into<Json>) -> Params {
        let mut params = self.echo();
        params.insert(name.into(), value.into());
        params
    }
}

/// The body as JSON.
///
/// # Errors
/// A line of text when it is none, is announced as something else, or does not fit.
pub(crate) fn body<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Failure> {
    let kind = call.headers.get(CONTENT_TYPE);
    let kind = kind
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence != "application/json" && !essence.ends_with("+json") {
        return Err(Failure::line("Content type error"));
    }
    call.json().map_err(|error| deserialize("Json", &error))
}

fn deserialize(what: &str, error: &dyn core::fmt::Display) -> Failure {
    Failure::line(format!("{what} deserialize error: {error}"))
}

/// The parameters of a query string.
pub(crate) struct Pairs(BTreeMap<String, String>);

impl Pairs {
    /// Of a call; of a name that comes twice, the last.
    pub(crate) fn of(call: &Call<'_>) -> Self {
        let pairs = call.query_pairs();
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// A parameter as it came.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter, read; `None` when it is not there.
    ///
    /// # Errors
    /// A line of text when it cannot be read.
    pub(crate) fn get<T: core::str::FromStr<Err: core::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Failure> {
        let text = self.text(name);
        text.map(|text| text.parse().map_err(|error| deserialize("Query", &error)))
            .transpose()
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// A line of text when it is not, or cannot be read.
    pub(crate) fn must<T: core::str::FromStr<Err: core::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<T, Failure> {
        let missing = || deserialize("Query", &format_args!("missing field `{name}`"));
        self.get(name)?.ok_or_else(missing)
    }

    /// Where the request is aimed.
    ///
    /// # Errors
    /// A line of text when it does not say so.
    pub(crate) fn at(&self) -> Result<At, Failure> {
        Ok(At {
            database_name: self.must("database_name")?,
            collection_name: self.must("collection_name")?,
        })
    }
}

/// A number of wanted results.
///
/// # Errors
/// When it is above the limit.
pub(crate) fn limited(name: &str, wanted: usize) -> Result<usize, Failure> {
    if wanted > TOP_K_MAX {
        return Err(Failure::argument(format_args!(
            "{name} {wanted} exceeds server max_top_k {TOP_K_MAX}"
        )));
    }
    Ok(wanted)
}

/// A number of vectors of one request.
///
/// # Errors
/// When it is above the limit.
pub(crate) fn batch_limited(vectors: usize) -> Result<(), Failure> {
    if vectors > BATCH_MAX {
        return Err(Failure::argument(format_args!(
            "batch size {vectors} exceeds server max_batch_vectors {BATCH_MAX}"
        )));
    }
    Ok(())
}

/// Asks the database.
pub(crate) async fn ask(call: &Call<'_>, query: Query) -> Result<Reply, Failure> {
    Ok(call.executor.query(query).await?)
}

/// Asks the database, concealed points included.
pub(crate) async fn ask_all(call: &Call<'_>, query: Query) -> Result<Reply, Failure> {
    ask(call, Query::WithConcealed(Box::new(query))).await
}

/// Has the database do something.
pub(crate) async fn order(call: &Call<'_>, command: Command) -> Result<Outcome, Failure> {
    Ok(call.executor.execute(command).await?)
}

/// Writes to a collection: durable and visible when it returns.
pub(crate) async fn write(
    call: &Call<'_>,
    collection: &CollectionRef,
    operations: Vec<WriteOp>,
) -> Result<(), Failure> {
    let collection = collection.clone();
    let command = Command::Write {
        collection,
        operations,
        visibility: Visibility::Applied,
    };
    order(call, command).await.map(|_| ())
}

/// `{"name": value}` as the parameters of a response.
pub(crate) fn only(name: &str, value: impl Into<Json>) -> Params {
    let mut params = Params::new();
    params.insert(name.into(), value.into());
    params
}

/// What the server says of itself at `/`.
pub(crate) fn greeting() -> String {
    json!({ "message": "LynseDB HTTP API", "status": "success" }).to_string()
}
