//! Bodies: in memory, or piece by piece.

use core::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use model::{BoxFuture, ByteSource, Error, ErrorKind};

use crate::json::Ahead;

/// The body of a request or a response.
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// All of it, and what was read of it while it came.
    Read {
        /// All of it.
        bytes: Bytes,
        /// Its lists of numbers.
        ahead: Box<Ahead>,
    },
    /// As it comes, for what is too large to be held: snapshots.
    Stream {
        /// Its length in bytes, where it is known.
        bytes: Option<u64>,
        /// Its pieces.
        source: Box<dyn ByteSource>,
    },
}

impl Body {
    /// Length in bytes, where it is known.
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) | Self::Read { bytes, .. } => Some(bytes.len() as u64),
            Self::Stream { bytes, .. } => *bytes,
        }
    }

    /// Whether it is known to have no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// All of it in memory; `None` when it is longer than `bytes_max`.
    ///
    /// # Errors
    /// Those of its source.
    pub async fn collect(self, bytes_max: usize) -> Result<Option<Bytes>, Error> {
        let mut source = match self {
            Self::Whole(bytes) | Self::Read { bytes, .. } => {
                return Ok((bytes.len() <= bytes_max).then_some(bytes));
            }
            Self::Stream { source, .. } => source,
        };
        let mut joined = BytesMut::new();
        while let Some(piece) = source.next().await? {
            if joined.len() + piece.len() > bytes_max {
                return Ok(None);
            }
            joined.extend_from_slice(&piece);
        }
        Ok(Some(joined.freeze()))
    }

    /// The body alone, and what was read of it.
    pub(crate) fn apart(self) -> (Self, Option<Box<Ahead>>) {
        match self {
            Self::Read { bytes, ahead } => (Self::Whole(bytes), Some(ahead)),
            Self::Whole(_) | Self::Stream { .. } => (self, None),
        }
    }

    /// Its pieces.
    pub(crate) fn into_source(self) -> Box<dyn ByteSource> {
        match self {
            Self::Whole(bytes) | Self::Read { bytes, .. } => {
                Box::new(Once(Some(bytes).filter(|bytes| !bytes.is_empty())))
            }
            Self::Stream { source, .. } => source,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) | Self::Read { bytes, .. } => {
                f.debug_tuple("Whole").field(bytes).finish()
            }
            Self::Stream { bytes, .. } => f.debug_tuple("Stream").field(bytes).finish(),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

/// What a route does with the body of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It is read first, up to the limit of the gateway, and is in [`Call::body`].
    ///
    /// [`Call::body`]: crate::Call::body
    Whole,
    /// It is given to the handler as it comes, by [`Call::upload`].
    ///
    /// [`Call::upload`]: crate::Call::upload
    Stream,
}

/// A body that a handler may take, once.
pub(crate) struct Upload(Mutex<Option<Box<dyn ByteSource>>>);

impl Upload {
    pub(crate) fn new(source: Option<Box<dyn ByteSource>>) -> Self {
        Self(Mutex::new(source))
    }

    pub(crate) fn take(&self) -> Box<dyn ByteSource> {
        // Nothing under this lock can panic half-way.
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.unwrap_or_else(|| Box::new(Once(None)))
    }
}

/// One piece, or none.
struct Once(Option<Bytes>);

impl ByteSource for Once {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        let piece = self.0.take();
        Box::pin(async move { Ok(piece) })
    }
}

/// Breaks off beyond a length.
pub(crate) struct Limited {
    pub(crate) source: Box<dyn ByteSource>,
    pub(crate) left: u64,
}

impl ByteSource for Limited {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            let piece = self.source.next().await?;
            let bytes = piece.as_ref().map_or(0, |piece| piece.len() as u64);
            match self.left.checked_sub(bytes) {
                Some(left) => self.left = left,
                None => {
                    let message = "the upload is longer than this server allows";
                    let subject = model::Subject::Request;
                    return Err(Error::new(ErrorKind::Invalid, subject, message));
                }
            }
            Ok(piece)
        })
    }
}
