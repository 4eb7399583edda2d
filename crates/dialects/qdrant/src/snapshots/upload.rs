//! `POST …/snapshots/upload`: the archive is a field of a form, and is never held.

use bytes::Bytes;
use futures::stream::{self, Stream};
use gateway::Call;
use http::header::CONTENT_TYPE;
use model::{BoxFuture, ByteSource, Error, SnapshotRecovery, SnapshotScope};
use multer::{Field, Multipart};

use super::recover::{Priority, checksum};
use super::{done, scope, waiting};
use crate::envelope::Answer;
use crate::error::Failure;
use crate::request;

/// The field of the form.
const FIELD: &str = "snapshot";
const QUERY: &str = "query parameters";

/// `POST …/snapshots/upload` of a collection
pub(crate) async fn upload(call: &Call<'_>) -> Answer {
    uploaded(call, scope::new_collection(call)?).await
}

/// `POST …/snapshots/upload` of a shard
pub(crate) async fn upload_shard(call: &Call<'_>) -> Answer {
    uploaded(call, scope::new_shard(call)?).await
}

async fn uploaded(call: &Call<'_>, into: SnapshotScope) -> Answer {
    let waiting = waiting(call)?;
    let mut sha256 = None;
    for (name, value) in call.query_pairs() {
        match &*name {
            "checksum" => sha256 = Some(checksum(QUERY, &value)?),
            "priority" if Priority::parse(&value).is_none() => {
                return Err(request::bad_parameter(format_args!(
                    "unknown variant `{value}`, expected one of `no_sync`, `snapshot`, `replica`"
                )));
            }
            _ => {}
        }
    }
    let archive = field(call).await?;
    let recovery = SnapshotRecovery {
        into,
        sha256,
        waiting,
    };
    call.executor.recover(recovery, Box::new(archive)).await?;
    done(call, waiting)
}

/// The field of the form that holds the archive.
async fn field(call: &Call<'_>) -> Result<Archive, Failure> {
    let kind = call.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|_| {
        Failure::bad_request("the body must be a form (`multipart/form-data`) with a boundary")
    })?;
    let mut form = Multipart::new(pieces(call.upload()), boundary);
    loop {
        match form.next_field().await.map_err(broken)? {
            Some(field) if field.name() == Some(FIELD) => return Ok(Archive(Some(field))),
            Some(_) => {}
            None => {
                let text = format!("the form has no field `{FIELD}`");
                return Err(Failure::bad_request(text));
            }
        }
    }
}

/// The body as the parser of forms takes it.
fn pieces(source: Box<dyn ByteSource>) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    stream::unfold(Some(source), |source| async move {
        let mut source = source?;
        match source.next().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(source))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// What the parser of forms met, in our terms.
fn broken(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<Error>() {
            Ok(error) => *error,
            Err(other) => Error::invalid(format!("the form cannot be read: {other}")),
        },
        // The parser's list is open-ended; whatever else it is, the form is wrong.
        other => Error::invalid(format!("the form cannot be read: {other}")),
    }
}

/// The archive in a form; `None` after its end.
struct Archive(Option<Field<'static>>);

impl ByteSource for Archive {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            while let Some(field) = &mut self.0 {
                match field.chunk().await {
                    Ok(Some(piece)) if piece.is_empty() => {}
                    Ok(Some(piece)) => return Ok(Some(piece)),
                    Ok(None) => self.0 = None,
                    Err(error) => {
                        self.0 = None;
                        return Err(broken(error));
                    }
                }
            }
            Ok(None)
        })
    }
}
