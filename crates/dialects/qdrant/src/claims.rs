//! What the claims of a token allow.
//!
//! | claim | means |
//! |---|---|
//! | `access` | `r`: to read all; `m` or absent: everything; a list: these collections |
//! | `value_exists` | the token holds while some point of a collection has these values |
//! | `sub`, `subject` | who it is; of no consequence here |
//! | `exp` | until when; the gateway has seen to it |

use std::collections::BTreeSet;

use gateway::{CollectionGrant, Grant, Level, Refusal, TokenFault};
use model::{
    CollectionRef, ErrorKind, Executor, FieldPath, Filter, Query, Reply, Scalar, Select, Test,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    access: WireAccess,
    value_exists: Option<ValueExists>,
    #[serde(rename = "sub")]
    _sub: Option<String>,
    #[serde(rename = "subject")]
    _subject: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireAccess {
    Everywhere(Everywhere),
    Collections(Vec<OfCollection>),
}

impl Default for WireAccess {
    fn default() -> Self {
        Self::Everywhere(Everywhere::Manage)
    }
}

#[derive(Deserialize)]
enum Everywhere {
    #[serde(rename = "r")]
    Read,
    #[serde(rename = "m")]
    Manage,
}

#[derive(Deserialize)]
struct OfCollection {
    collection: String,
    access: WireLevel,
    /// Once narrowed access to some points; such tokens must not become wider by being read anew.
    payload: Option<IgnoredAny>,
}

#[derive(Deserialize)]
enum WireLevel {
    #[serde(rename = "r")]
    Read,
    #[serde(rename = "rw")]
    ReadWrite,
    #[serde(rename = "prw")]
    Points,
}

#[derive(Deserialize)]
struct ValueExists {
    collection: String,
    matches: Vec<Match>,
}

#[derive(Deserialize)]
struct Match {
    key: String,
    value: WireScalar,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireScalar {
    Text(String),
    Integer(i64),
    Bool(bool),
}

/// What a token of these claims allows.
///
/// # Errors
/// Refusals, in the order in which Qdrant looks for reasons.
pub(crate) async fn grant(claims: &[u8], executor: &dyn Executor) -> Result<Grant, Refusal> {
    let claims: Claims = serde_json::from_slice(claims).map_err(|_| Refusal::WrongKey)?;
    let grant = claims.access.decode()?;
    if let Some(demand) = claims.value_exists {
        demand.check(executor).await?;
    }
    Ok(grant)
}

impl WireAccess {
    fn decode(self) -> Result<Grant, Refusal> {
        let collections = match self {
            Self::Everywhere(Everywhere::Read) => return Ok(Grant::ReadOnly),
            Self::Everywhere(Everywhere::Manage) => return Ok(Grant::Full),
            Self::Collections(collections) => collections,
        };
        let mut names = BTreeSet::new();
        let mut grants = Vec::with_capacity(collections.len());
        for (at, of) in collections.into_iter().enumerate() {
            let refused = |field: &str, text: &str| {
                let text = format!("access[{at}].{field}: {text}");
                Refusal::Token(TokenFault::Claims(text))
            };
            if !names.insert(of.collection.clone()) {
                return Err(refused("collection", "Collection name should be unique"));
            }
            if of.payload.is_some() {
                let text = "The 'payload' constraint is deprecated and should not be used";
                return Err(refused("payload", text));
            }
            let level = match of.access {
                WireLevel::Read => Level::Read,
                WireLevel::ReadWrite => Level::ReadWrite,
                WireLevel::Points => Level::Points,
            };
            let collection = of.collection;
            grants.push(CollectionGrant { collection, level });
        }
        Ok(Grant::Collections(grants.into()))
    }
}

impl ValueExists {
    async fn check(self, executor: &dyn Executor) -> Result<(), Refusal> {
        let no_collection = || Refusal::Token(TokenFault::NoSuchCollection);
        let collection =
            CollectionRef::in_default(&self.collection).map_err(|_| no_collection())?;
        let tests = self.matches.into_iter().map(|demand| {
            let value = match demand.value {
                WireScalar::Text(text) => Scalar::Str(text),
                WireScalar::Integer(number) => Scalar::Int(number),
                WireScalar::Bool(value) => Scalar::Bool(value),
            };
            Ok(Filter::Field {
                path: FieldPath::parse(&demand.key).map_err(|_| Refusal::WrongKey)?,
                test: Test::Equals(value),
            })
        });
        let query = Query::Scroll {
            collection,
            filter: Some(Filter::All(tests.collect::<Result<_, Refusal>>()?)),
            from: None,
            limit: 1,
            order_by: None,
            select: Select::default(),
        };
        match executor.query(query).await {
            Ok(Reply::Page { records, .. }) if records.is_empty() => {
                Err(Refusal::Token(TokenFault::NoSuchValue))
            }
            Ok(Reply::Page { .. }) => Ok(()),
            Ok(other) => Err(Refusal::Unanswered(other.unexpected())),
            Err(error) if error.kind == ErrorKind::NotFound => Err(no_collection()),
            Err(error) => Err(Refusal::Unanswered(error)),
        }
    }
}
