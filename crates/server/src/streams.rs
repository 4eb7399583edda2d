//! Bodies that come and go piece by piece: hyper's on one side, the gateway's on the other.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use app::gateway;
use app::model::{BoxFuture, ByteSource, Error, ErrorKind, Subject};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// What is left of an upload that nobody wants is read and dropped up to so many bytes, so that a
/// client that sends before it listens gets its answer instead of a broken connection.
const DRAIN_BYTES_MAX: u64 = 128 << 20;

/// The body of a request as the gateway takes it.
pub(crate) fn incoming(body: Incoming) -> gateway::Body {
    let bytes = body.size_hint().exact();
    let source = Box::new(Upload(Some(body)));
    gateway::Body::Stream { bytes, source }
}

/// A body on its way in; `None` when its end was reached.
pub(crate) struct Upload(Option<Incoming>);

impl Upload {
    pub(crate) fn new(body: Incoming) -> Self {
        Self(Some(body))
    }
}

impl ByteSource for Upload {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            while let Some(body) = &mut self.0 {
                match body.frame().await {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) if !data.is_empty() => return Ok(Some(data)),
                        // An empty piece, or trailers.
                        Ok(_) | Err(_) => {}
                    },
                    None => self.0 = None,
                    Some(Err(cause)) => {
                        self.0 = None;
                        let message = format!("the body broke off: {cause}");
                        return Err(Error::new(ErrorKind::Invalid, Subject::Request, message));
                    }
                }
            }
            Ok(None)
        })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(body), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            let mut rest = Self(Some(body));
            let mut bytes = 0;
            while let Ok(Some(piece)) = rest.next().await {
                bytes += piece.len() as u64;
                if bytes > DRAIN_BYTES_MAX {
                    // Dropped by hyper, which ends the connection.
                    rest.0 = None;
                }
            }
        });
    }
}

type Step = (Box<dyn ByteSource>, Result<Option<Bytes>, Error>);

/// The body of a response as hyper sends it.
pub(crate) enum Outgoing {
    /// All of it, until it is sent.
    Whole(Option<Bytes>),
    /// Piece by piece.
    Stream {
        /// Bytes not yet sent, where the length is known.
        left: Option<u64>,
        /// The next piece on its way; `None` at the end.
        next: Option<BoxFuture<'static, Step>>,
    },
}

impl Outgoing {
    pub(crate) fn new(body: gateway::Body) -> Self {
        match body {
            gateway::Body::Whole(bytes) | gateway::Body::Read { bytes, .. } => {
                Self::Whole(Some(bytes).filter(|b| !b.is_empty()))
            }
            gateway::Body::Stream { bytes, source } => Self::Stream {
                left: bytes,
                next: Some(Box::pin(step(source))),
            },
        }
    }
}

async fn step(mut source: Box<dyn ByteSource>) -> Step {
    let piece = source.next().await;
    (source, piece)
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let (left, next) = match &mut *self {
            Self::Whole(bytes) => return Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream { left, next } => (left, next),
        };
        let Some(running) = next else {
            return Poll::Ready(None);
        };
        let Poll::Ready((source, piece)) = running.as_mut().poll(context) else {
            return Poll::Pending;
        };
        *next = None;
        Poll::Ready(match piece {
            Ok(None) => None,
            Ok(Some(piece)) => {
                *next = Some(Box::pin(step(source)));
                *left = left.map(|left| left.saturating_sub(piece.len() as u64));
                Some(Ok(Frame::data(piece)))
            }
            Err(error) => {
                // The status was sent long ago: all that can be done is to break off, so that
                // the client does not take a part for the whole.
                tracing::error!(%error, "a download broke off");
                Some(Err(io::Error::other(error.message)))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream { next, .. } => next.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream {
                left: Some(left), ..
            } => SizeHint::with_exact(*left),
            Self::Stream { left: None, .. } => SizeHint::default(),
        }
    }
}
