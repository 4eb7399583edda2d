//! Bytes that callers keep with a collection under keys of their own (version 0.9).
//!
//! A collection that does not exist has no bytes; the real server makes one when bytes are written
//! to it, which here is an error, since it would have no dimension.

use gateway::Call;
use http::StatusCode;
use model::{
    AttachmentKey, AttachmentRange, CollectionRef, Command, ErrorKind, Outcome, Query, Reply,
};

use crate::error::Failure;
use crate::reply::{self, Answer};
use crate::request::{self, Pairs, about_collection, body, only, order};

about_collection! {
    /// Which bytes are deleted.
    struct Delete {
        key: String,
    }
}

fn key(text: &str) -> Result<AttachmentKey, Failure> {
    if text.is_empty() {
        return Err(Failure::argument("blob key must not be empty"));
    }
    let long = |_| Failure::argument("blob key exceeds 1024 UTF-8 bytes");
    AttachmentKey::new(text).map_err(long)
}

/// Whether the collection is there.
///
/// # Errors
/// When its database is not.
async fn exists(call: &Call<'_>, collection: &CollectionRef) -> Result<bool, Failure> {
    let database = collection.database.clone();
    match request::ask(call, Query::ListCollections(database)).await? {
        Reply::Collections(names) => Ok(names.contains(&collection.name)),
        other => Err(other.unexpected().into()),
    }
}

/// `POST /write_blob`: the body replaces what is kept under the key.
pub(crate) async fn write(call: &Call<'_>) -> Answer {
    let pairs = Pairs::of(call);
    let command = Command::Attach {
        collection: pairs.at()?.collection()?,
        key: key(&pairs.must::<String>("key")?)?,
        content: call.body.clone(),
    };
    order(call, command).await?;
    Ok(reply::success(only("written", true)))
}

/// `GET /read_blob`: what is kept under the key, or a part of it; 204 when there is nothing.
pub(crate) async fn read(call: &Call<'_>) -> Answer {
    match found(call).await.map_err(Failure::plainly)? {
        Some(bytes) => Ok(reply::with_type(bytes, "application/octet-stream")),
        None => {
            let mut nothing = gateway::Response::new(bytes::Bytes::new().into());
            *nothing.status_mut() = StatusCode::NO_CONTENT;
            Ok(nothing)
        }
    }
}

async fn found(call: &Call<'_>) -> Result<Option<bytes::Bytes>, Failure> {
    let pairs = Pairs::of(call);
    let collection = pairs.at()?.collection()?;
    let query = Query::ReadAttachment {
        key: key(&pairs.must::<String>("key")?)?,
        range: AttachmentRange {
            offset: pairs.get("offset")?.unwrap_or(0),
            length: pairs.get("length")?,
        },
        collection: collection.clone(),
    };
    match call.executor.query(query).await {
        Ok(Reply::Attachment(bytes)) => Ok(bytes),
        Ok(other) => Err(other.unexpected().into()),
        Err(error) if error.kind == ErrorKind::NotFound && !exists(call, &collection).await? => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /delete_blob`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let asked: Delete = body(call)?;
    let collection = asked.at().collection()?;
    let command = Command::Detach {
        collection: collection.clone(),
        key: key(&asked.key)?,
    };
    let deleted = match call.executor.execute(command).await {
        Ok(Outcome::Existed(existed)) => existed,
        Ok(_) => true,
        Err(error) if error.kind == ErrorKind::NotFound && !exists(call, &collection).await? => {
            false
        }
        Err(error) => return Err(error.into()),
    };
    Ok(reply::success(only("deleted", deleted)))
}
