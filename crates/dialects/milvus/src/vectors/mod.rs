//! Vectors: written, found, read by id, deleted.
//!
//! | module | what is in it |
//! |---|---|
//! | `insert` | new vectors and their ids |
//! | `search` | the nearest, to vectors and to stored ones |
//! | `read` | vectors by id |
//! | `delete` | vectors deleted by id |

mod delete;
mod insert;
mod read;
mod search;

use gateway::{Access, Call};
use model::{Query, Record, Reply, Vector};
use serde::{Deserialize, Serialize};

use crate::envelope::Answer;
use crate::error::{Code, Failure};
use crate::ids::Id;
use crate::view::View;
use crate::{body, names};

pub(crate) use insert::insert;
pub(crate) use read::get;

/// A stored vector as it is shown: numbers, or the bytes of bits; empty when there is none.
#[derive(Serialize)]
pub(crate) struct Stored {
    id: Id,
    vector: Components,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Components {
    Floats(Vec<f32>),
    Bytes(Vec<u8>),
}

impl Stored {
    /// A point that does not exist.
    fn missing(id: Id) -> Self {
        Self {
            id,
            vector: Components::Bytes(Vec::new()),
        }
    }

    /// The point of `record`.
    ///
    /// # Errors
    /// 12 when its id is no number.
    pub(crate) fn of(record: Record) -> Result<Self, Failure> {
        let id = Id::of(&record.id)?;
        let vector = record
            .vectors
            .and_then(|vectors| vectors.into_iter().next());
        let vector = match vector {
            Some((_, Vector::Dense(components))) => Components::Floats(components),
            Some((_, Vector::Binary(bytes))) => Components::Bytes(bytes),
            // Fields of other kinds have no view in this dialect.
            Some((_, Vector::Sparse(_) | Vector::Multi(_))) | None => Components::Bytes(Vec::new()),
        };
        Ok(Self { id, vector })
    }
}

/// Points of a collection.
pub(crate) async fn points(call: &Call<'_>, view: &View) -> Result<u64, Failure> {
    let query = Query::MeasureCollection(view.collection.clone());
    match call.executor.query(query).await? {
        Reply::Size(size) => Ok(size.points),
        other => Err(other.unexpected().into()),
    }
}

/// What `PUT` is asked to do.
#[derive(Deserialize)]
struct Asked {
    delete: Option<delete::Body>,
    search: Option<search::Body>,
}

/// Searches, or deletes.
pub(crate) async fn put(call: &Call<'_>) -> Answer {
    let collection = names::in_path(call)?;
    match body::read(call)? {
        Asked {
            delete: Some(body), ..
        } => {
            // The table asks for a key that reads, which is not enough here.
            call.grant
                .check(Access::Write, Some(collection.name.as_str()))?;
            delete::delete(call, collection, body).await
        }
        Asked {
            search: Some(body), ..
        } => search::search(call, collection, body).await,
        Asked {
            delete: None,
            search: None,
        } => Err(Failure::new(Code::IllegalBody, "Unknown body")),
    }
}
