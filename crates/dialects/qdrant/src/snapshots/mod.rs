//! Snapshots of a collection, of its one shard, and of everything.
//!
//! The three have the same requests, which are answered here; the routes differ in what they are
//! about ([`scope`]).

mod recover;
mod scope;
mod upload;

use gateway::{Body, Call, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use model::{
    Archive, ArchiveOf, Command, Outcome, Query, Reply, SnapshotInfo, SnapshotScope, Waiting,
};
use serde::Serialize;

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::request;

pub(crate) use recover::{recover, recover_shard};
pub(crate) use upload::{upload, upload_shard};

#[derive(Serialize)]
struct Description<'a> {
    name: &'a str,
    creation_time: String,
    size: u64,
    checksum: String,
}

impl<'a> From<&'a SnapshotInfo> for Description<'a> {
    fn from(info: &'a SnapshotInfo) -> Self {
        let digits = info.sha256.iter().map(|byte| format!("{byte:02x}"));
        Self {
            name: &info.name,
            creation_time: info.created.to_second(),
            size: info.bytes,
            checksum: digits.collect(),
        }
    }
}

/// `GET …/snapshots` of a collection
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    listed(call, scope::collection(call)?).await
}

/// `GET …/snapshots` of a shard
pub(crate) async fn list_shard(call: &Call<'_>) -> Answer {
    listed(call, scope::shard(call)?).await
}

/// `GET /snapshots`
pub(crate) async fn list_all(call: &Call<'_>) -> Answer {
    listed(call, scope::everything()).await
}

/// `POST …/snapshots` of a collection
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    created(call, scope::collection(call)?).await
}

/// `POST …/snapshots` of a shard
pub(crate) async fn create_shard(call: &Call<'_>) -> Answer {
    created(call, scope::shard(call)?).await
}

/// `POST /snapshots`
pub(crate) async fn create_all(call: &Call<'_>) -> Answer {
    created(call, scope::everything()).await
}

/// `DELETE …/snapshots/{snapshot_name}` of a collection
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    deleted(call, scope::collection(call)?).await
}

/// `DELETE …/snapshots/{snapshot_name}` of a shard
pub(crate) async fn delete_shard(call: &Call<'_>) -> Answer {
    deleted(call, scope::shard(call)?).await
}

/// `DELETE /snapshots/{snapshot_name}`
pub(crate) async fn delete_all(call: &Call<'_>) -> Answer {
    deleted(call, scope::everything()).await
}

/// `GET …/snapshots/{snapshot_name}` of a collection
pub(crate) async fn download(call: &Call<'_>) -> Answer {
    downloaded(call, kept(call, scope::collection(call)?)).await
}

/// `GET …/snapshots/{snapshot_name}` of a shard
pub(crate) async fn download_shard(call: &Call<'_>) -> Answer {
    downloaded(call, kept(call, scope::shard(call)?)).await
}

/// `GET /snapshots/{snapshot_name}`
pub(crate) async fn download_all(call: &Call<'_>) -> Answer {
    downloaded(call, kept(call, scope::everything())).await
}

/// `GET …/shards/{shard_id}/snapshot`
pub(crate) async fn stream_shard(call: &Call<'_>) -> Answer {
    downloaded(call, ArchiveOf::Present(scope::shard(call)?)).await
}

async fn listed(call: &Call<'_>, scope: SnapshotScope) -> Answer {
    match request::query(call, Query::ListSnapshots(scope)).await? {
        Reply::Snapshots(snapshots) => {
            let shown: Vec<_> = snapshots.iter().map(Description::from).collect();
            envelope::ok(call, shown)
        }
        other => Err(other.unexpected().into()),
    }
}

async fn created(call: &Call<'_>, scope: SnapshotScope) -> Answer {
    let waiting = waiting(call)?;
    let command = Command::CreateSnapshot { scope, waiting };
    match call.executor.execute(command).await? {
        Outcome::Snapshot(info) => envelope::ok(call, Description::from(&info)),
        Outcome::Accepted => accepted(call),
        Outcome::Done | Outcome::Pending | Outcome::Existed(_) | Outcome::Written { .. } => {
            Err(unexpected())
        }
    }
}

async fn deleted(call: &Call<'_>, scope: SnapshotScope) -> Answer {
    let waiting = waiting(call)?;
    let name = call.param("snapshot_name").to_owned();
    let command = Command::DeleteSnapshot { scope, name };
    call.executor.execute(command).await?;
    done(call, waiting)
}

/// The answer to a command that is done. Whoever did not want to wait expects to hear no more
/// than that it was accepted.
fn done(call: &Call<'_>, waiting: Waiting) -> Answer {
    match waiting {
        Waiting::UntilDone => envelope::ok(call, true),
        Waiting::UntilBegun => accepted(call),
    }
}

fn kept(call: &Call<'_>, scope: SnapshotScope) -> ArchiveOf {
    let name = call.param("snapshot_name").to_owned();
    ArchiveOf::Kept { scope, name }
}

async fn downloaded(call: &Call<'_>, of: ArchiveOf) -> Answer {
    let Archive {
        name,
        bytes,
        source,
    } = call.executor.archive(of).await?;
    let mut response = Response::new(Body::Stream {
        bytes: Some(bytes),
        source,
    });
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, kind);
    // Names of collections may hold what a header may not; a name of the file is a courtesy.
    let shown = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(shown).collect();
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// The parameter `wait`, which for these requests is true when it is absent.
fn waiting(call: &Call<'_>) -> Result<Waiting, Failure> {
    let mut waiting = Waiting::UntilDone;
    for (name, value) in call.query_pairs() {
        waiting = match (&*name, &*value) {
            ("wait", "true") => Waiting::UntilDone,
            ("wait", "false") => Waiting::UntilBegun,
            ("wait", _) => {
                let text = "provided string was not `true` or `false`";
                return Err(request::bad_parameter(text));
            }
            _ => waiting,
        };
    }
    Ok(waiting)
}

/// The answer to a command that goes on.
fn accepted(call: &Call<'_>) -> Answer {
    #[derive(Serialize)]
    struct Accepted {
        status: &'static str,
        time: f64,
    }
    let mut response = envelope::bare(&Accepted {
        status: "accepted",
        time: call.seconds(),
    })?;
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

fn unexpected() -> Failure {
    model::Error::internal("a command about snapshots was answered like another").into()
}
