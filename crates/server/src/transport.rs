//! HTTP/1.1 over TCP: bytes to the gateway and back.
//!
//! Routes, keys and limits are the gateway's; here are sockets, bodies in one piece or (in
//! `streams`) in many, and the orderly end: no new connection, no new request on an old one, every
//! answer sent that was asked for.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use app::gateway::{
    self,
    json::{Ahead, Piece},
};
use bytes::BytesMut;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::streams::{self, Outgoing};

/// A body beyond the limit is read to its end and dropped up to this many times the limit, so that
/// a client that sends before it listens gets its answer instead of a broken connection.
const DRAIN_FACTOR: u64 = 4;

/// Most bytes that are read from a socket at once, and of the head of a request. Pieces of bodies
/// stay in the processor's cache until they are joined and read.
const PIECE_BYTES_MAX: usize = 128 << 10;

/// New bytes of a body that are worth being read before the rest is there.
const PIECE_BYTES_MIN: usize = 64 << 10;

/// Longest text of a list of numbers that is read before the rest is there.
const LIST_BYTES_MAX: usize = 256 << 10;

/// How long open connections may take to send their last answers.
const GRACE: Duration = Duration::from_secs(30);

/// After a failed `accept` (no file descriptors left, say) the next try waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The sockets of a running server.
pub struct Transport {
    /// Turns true when the server stops. Every socket holds a receiver while it is open.
    stop: watch::Sender<bool>,
}

impl Transport {
    /// No socket yet.
    pub fn new() -> Self {
        Self {
            stop: watch::Sender::new(false),
        }
    }

    /// Listens on `address` and answers through `door` from now on. Gives the address itself,
    /// whose port the system chose when it was 0.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn listen(
        &self,
        address: SocketAddr,
        door: gateway::Listener,
    ) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        tokio::spawn(accept(listener, door, self.stop.subscribe()));
        Ok(address)
    }

    /// Stops listening, waits until every request that came in is answered (at most half a
    /// minute) and closes the connections. Gives whether all were answered.
    pub async fn close(self) -> bool {
        self.stop.send_replace(true);
        tokio::time::timeout(GRACE, self.stop.closed())
            .await
            .is_ok()
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self::new()
    }
}

async fn accept(listener: TcpListener, door: gateway::Listener, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, door.clone(), stop.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection until either side ends it.
async fn converse(stream: TcpStream, door: gateway::Listener, mut stop: watch::Receiver<bool>) {
    // Without it, an answer of two packets may wait 40 ms for the client's acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection was gone at once");
        return;
    }
    let service = service_fn(|request| answer(&door, request));
    let connection = http1::Builder::new()
        .max_buf_size(PIECE_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        _ = stop.changed() => {
            // The request under way is answered, and there is no next one.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients that hang up or speak no HTTP; hyper has answered 400 where it could.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The client left, or its framing is broken, before its request was whole.
#[derive(Debug, thiserror::Error)]
#[error("the body of a request broke off")]
struct Broken;

/// An error ends the connection without an answer: there is no request to answer.
async fn answer(
    door: &gateway::Listener,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, Broken> {
    let (parts, body) = request.into_parts();
    if door.streams(&parts.method, &parts.uri) {
        let request = Request::from_parts(parts, streams::incoming(body));
        return Ok(door.exchange(request).await.map(Outgoing::new));
    }
    let response = match collect(
        body,
        door.body_bytes_max(),
        parts.headers.contains_key(EXPECT),
    )
    .await
    {
        Collected::Whole(body) => door.exchange(Request::from_parts(parts, body)).await,
        Collected::TooLong(bytes) => {
            let mut response = door.too_large(&parts.uri, bytes);
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
        Collected::Broken => return Err(Broken),
    };
    Ok(response.map(Outgoing::new))
}

/// What became of a body.
enum Collected {
    Whole(gateway::Body),
    /// Longer than the limit; its length where it was announced.
    TooLong(Option<u64>),
    Broken,
}

async fn collect(mut body: Incoming, bytes_max: usize, expects: bool) -> Collected {
    let announced = body.size_hint().exact();
    if announced == Some(0) {
        return Collected::Whole(gateway::Body::default());
    }
    let limit = bytes_max as u64;
    if announced.is_some_and(|bytes| bytes > limit) {
        // A client that waits for leave has sent nothing yet, and reading would grant it.
        if !expects && announced.is_some_and(|bytes| bytes <= limit * DRAIN_FACTOR) {
            drain(&mut body, limit * DRAIN_FACTOR).await;
        }
        return Collected::TooLong(announced);
    }
    let mut first = None;
    let mut joined = BytesMut::new();
    let mut pieces = Pieces::default();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Collected::Broken;
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        match first.take() {
            // Usually the only one: a search fits into the buffer of the connection.
            None if joined.is_empty() => first = Some(data),
            None => joined.extend_from_slice(&data),
            Some(start) => {
                let known = announced.and_then(|bytes| usize::try_from(bytes).ok());
                joined.reserve(known.unwrap_or(2 * (start.len() + data.len())));
                joined.extend_from_slice(&start);
                joined.extend_from_slice(&data);
            }
        }
        pieces.read(&joined, PIECE_BYTES_MIN);
        if joined.len() > bytes_max || first.as_ref().is_some_and(|data| data.len() > bytes_max) {
            drain(&mut body, limit * DRAIN_FACTOR).await;
            return Collected::TooLong(None);
        }
    }
    if let Some(bytes) = first {
        return Collected::Whole(gateway::Body::Whole(bytes));
    }
    pieces.read(&joined, 0);
    Collected::Whole(gateway::Body::Read {
        bytes: joined.freeze(),
        ahead: Box::new(Ahead::of(pieces.read)),
    })
}

/// What was read of a body, while the client sends the rest.
#[derive(Default)]
struct Pieces {
    read: Vec<Piece>,
    /// The position up to which it was read.
    end: usize,
}

impl Pieces {
    /// Reads on, if at least so many bytes are new. `body` is all that has come so far.
    fn read(&mut self, body: &[u8], bytes_min: usize) {
        if body.len() - self.end < bytes_min {
            return;
        }
        let piece = Piece::read(&body[self.end..], self.end);
        // A longer list would be begun anew too often.
        self.end = piece.end().max(body.len().saturating_sub(LIST_BYTES_MAX));
        self.read.push(piece);
    }
}

/// Reads and drops up to `bytes_max` of what is left.
async fn drain(body: &mut Incoming, bytes_max: u64) {
    let mut bytes = 0;
    while bytes <= bytes_max {
        match body.frame().await {
            Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) | None => return,
        }
    }
}
