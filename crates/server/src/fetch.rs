//! Archives that lie elsewhere: a file of this machine, or an address on the network.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use app::model::{BoxFuture, ByteSource, Error, ErrorKind, SnapshotLocation, Subject};
use bytes::Bytes;
use http::header::{HOST, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::connect::{Scheme, connect};
use crate::streams::Upload;

/// Bytes of one read of a file.
const READ_BYTES: usize = 1 << 20;
/// Connecting, and then waiting for the head of the answer: making a snapshot of what is there
/// takes its time.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const ANSWER_MAX: Duration = Duration::from_secs(600);
/// Answers that point elsewhere and are followed.
const REDIRECTS_MAX: usize = 5;

/// Opens what lies at `location`.
///
/// # Errors
/// `Invalid` when there is nothing to be read; `Unsupported` for what this build cannot reach.
pub(crate) async fn open(location: SnapshotLocation) -> Result<Box<dyn ByteSource>, Error> {
    match location {
        SnapshotLocation::File(path) => {
            let path = PathBuf::from(path);
            on_thread(move || open_file(&path)).await
        }
        SnapshotLocation::Url { url, key } => download(url, key).await,
        SnapshotLocation::Kept(_) => Err(Error::unsupported("kept snapshots are not fetched")),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, Subject::Request, message)
}

fn open_file(path: &Path) -> Result<Box<dyn ByteSource>, Error> {
    let refused = |what: &dyn std::fmt::Display| invalid(format!("{}: {what}", path.display()));
    let file = std::fs::File::open(path).map_err(|cause| refused(&cause))?;
    // A pipe or a device might never end.
    let plain = file.metadata().is_ok_and(|metadata| metadata.is_file());
    if !plain {
        return Err(refused(&"this is no file"));
    }
    Ok(Box::new(FileSource(Some(file))))
}

/// Runs `work` on a thread that may block.
pub(crate) async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let cut = |_| Err(Error::internal("file access was cut off"));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(cut)
}

/// A file piece by piece; `None` after its end.
struct FileSource(Option<std::fs::File>);

impl ByteSource for FileSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            let Some(mut file) = self.0.take() else {
                return Ok(None);
            };
            let read = on_thread(move || {
                let mut piece = Vec::with_capacity(READ_BYTES);
                let bytes = (&mut file).take(READ_BYTES as u64).read_to_end(&mut piece);
                bytes.map_err(|cause| invalid(format!("the file cannot be read: {cause}")))?;
                Ok((file, Bytes::from(piece)))
            });
            let (file, piece) = read.await?;
            if piece.is_empty() {
                return Ok(None);
            }
            self.0 = Some(file);
            Ok(Some(piece))
        })
    }
}

async fn download(mut url: String, key: Option<String>) -> Result<Box<dyn ByteSource>, Error> {
    let first: Uri = url
        .parse()
        .map_err(|_| invalid(format!("{url}: this is no URL")))?;
    for _ in 0..REDIRECTS_MAX {
        let refused = |what: String| invalid(format!("{url}: {what}"));
        let uri: Uri = url.parse().map_err(|_| refused("this is no URL".into()))?;
        // A key is for the host that it was given for, and never travels in the open for one that
        // was to be encrypted.
        let same = uri.authority() == first.authority() && uri.scheme() == first.scheme();
        let key = key.as_deref().filter(|_| same);
        let response = ask(&uri, key)
            .await
            .map_err(|cause| refused(cause.to_string()))?;
        if response.status() == StatusCode::OK {
            return Ok(Box::new(Upload::new(response.into_body())));
        }
        let to = response
            .headers()
            .get(LOCATION)
            .and_then(|to| to.to_str().ok());
        match to {
            Some(to) if response.status().is_redirection() => url = absolute(&uri, to),
            Some(_) | None => return Err(refused(format!("answered {}", response.status()))),
        }
    }
    Err(invalid(format!("{url}: too many redirections")))
}

/// Where an answer of `from` points.
fn absolute(from: &Uri, to: &str) -> String {
    match (to.starts_with('/'), from.authority()) {
        (true, Some(authority)) => {
            let scheme = from.scheme_str().unwrap_or_else(|| Scheme::Plain.name());
            format!("{scheme}://{authority}{to}")
        }
        (_, _) => to.into(),
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("this is no address of the kind http[s]://HOST[:PORT]/PATH")]
    Address,
    #[error("no connection: {0}")]
    Connect(#[from] io::Error),
    #[error("no answer in time")]
    Late(#[from] tokio::time::error::Elapsed),
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("the key cannot stand in a header")]
    Key,
}

async fn ask(uri: &Uri, key: Option<&str>) -> Result<Response<Incoming>, AskError> {
    let scheme = Scheme::named(uri.scheme_str()).ok_or(AskError::Address)?;
    let authority = uri.authority().ok_or(AskError::Address)?;
    let port = authority.port_u16().unwrap_or(scheme.port());
    let connecting = connect(scheme, authority.host(), port);
    let stream = timeout(CONNECT_MAX, connecting).await??;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = path.parse().map_err(|_| AskError::Address)?;
    let headers = request.headers_mut();
    let name = authority.as_str().rsplit('@').next().unwrap_or_default();
    headers.insert(
        HOST,
        HeaderValue::try_from(name).map_err(|_| AskError::Address)?,
    );
    if let Some(key) = key {
        headers.insert(
            "api-key",
            HeaderValue::try_from(key).map_err(|_| AskError::Key)?,
        );
    }
    Ok(timeout(ANSWER_MAX, sender.send_request(request)).await??)
}
