//! A running server as one end of a copy: by snapshots, over its Qdrant interface.

use app::App;
use app::model::{
    Archive, ArchiveOf, BoxFuture, ByteSource, CollectionRef, Command, DatabaseName, Error,
    Executor, Query, Reply, SnapshotLocation, SnapshotRecovery, SnapshotScope, Waiting,
};
use app::{CollectionName, gateway};
use bytes::Bytes;
use http::{Method, StatusCode};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::client::{Client, segment};
use crate::sync::SyncError;

/// Separates the archive from what is around it in an upload; no archive is asked whether it
/// contains this, since it says its length.
const BOUNDARY: &str = "skerry-sync-5b1f0c4e9a7d43b2";

/// Replaces everything in `app` by what the server at `url` has. Gives the number of collections.
pub(super) async fn pull(app: &App, url: &str, key: Option<&str>) -> Result<usize, SyncError> {
    let client = Client::new(url, key).map_err(refused)?;
    let made = send(&client, Method::POST, "/snapshots?wait=true", Bytes::new()).await?;
    let name = made["result"]["name"].as_str().map(segment);
    let name = name.ok_or_else(|| refused("the server answered no name of a snapshot"))?;
    let recovery = SnapshotRecovery {
        into: SnapshotScope::Database(DatabaseName::default()),
        sha256: None,
        waiting: Waiting::UntilDone,
    };
    let location = SnapshotLocation::Url {
        url: format!("{url}/snapshots/{name}"),
        key: key.map(Into::into),
    };
    let bar = spinner("copying a snapshot of the server");
    let database = app.database();
    let recovered = database
        .execute(Command::RecoverSnapshot { recovery, location })
        .await;
    bar.finish_and_clear();
    // It was made for this copy.
    let removed = send(
        &client,
        Method::DELETE,
        &format!("/snapshots/{name}"),
        Bytes::new(),
    )
    .await;
    recovered?;
    removed?;
    Ok(names(app).await?.len())
}

/// Replaces the collections of the server at `url` that `app` has too, and adds the others. Gives
/// their number.
pub(super) async fn push(app: &App, url: &str, key: Option<&str>) -> Result<usize, SyncError> {
    let client = Client::new(url, key).map_err(refused)?;
    let names = names(app).await?;
    for name in &names {
        let collection = CollectionRef {
            database: DatabaseName::default(),
            name: name.clone(),
        };
        let scope = SnapshotScope::Collection(collection);
        let archive = app.database().archive(ArchiveOf::Present(scope)).await?;
        let bar = spinner(&format!("copying `{name}`"));
        let sent = upload(&client, name, archive).await;
        bar.finish_and_clear();
        sent?;
    }
    Ok(names.len())
}

async fn upload(client: &Client, name: &CollectionName, archive: Archive) -> Result<(), SyncError> {
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"snapshot\"; \
         filename=\"archive.snapshot\"\r\ncontent-type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{BOUNDARY}--\r\n");
    let bytes = archive.bytes + (head.len() + tail.len()) as u64;
    let form = Form {
        head: Some(head.into()),
        archive: archive.source,
        tail: Some(tail.into()),
    };
    let body = gateway::Body::Stream {
        bytes: Some(bytes),
        source: Box::new(form),
    };
    let name = segment(name.as_str());
    let path = format!("/collections/{name}/snapshots/upload?priority=snapshot&wait=true");
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let answered = client.send_stream(Method::POST, &path, &kind, body).await;
    let (status, body) = answered.map_err(refused)?;
    understood(status, &body).map(|_| ())
}

/// An upload as forms have it.
struct Form {
    head: Option<Bytes>,
    archive: Box<dyn ByteSource>,
    tail: Option<Bytes>,
}

impl ByteSource for Form {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            if let Some(head) = self.head.take() {
                return Ok(Some(head));
            }
            let piece = self.archive.next().await?;
            Ok(piece.or_else(|| self.tail.take()))
        })
    }
}

async fn names(app: &App) -> Result<Vec<CollectionName>, SyncError> {
    let all = Query::ListCollections(DatabaseName::default());
    match app.database().query(all).await? {
        Reply::Collections(names) => Ok(names),
        _ => Err(refused("the database answered something else than names")),
    }
}

async fn send(
    client: &Client,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Value, SyncError> {
    let (status, body) = client.send(method, path, body).await.map_err(refused)?;
    understood(status, &body)
}

fn understood(status: StatusCode, body: &[u8]) -> Result<Value, SyncError> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    if status.is_success() {
        return Ok(value);
    }
    let said = value["status"]["error"].as_str().unwrap_or("nothing more");
    Err(refused(format!("the server answered {status}: {said}")))
}

fn refused(what: impl std::fmt::Display) -> SyncError {
    SyncError::Refused(what.to_string())
}

fn spinner(what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
    let style = style.expect("the template names only what every bar has");
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}
