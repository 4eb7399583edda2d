//! What can go wrong in a store, by what happened to the caller.

use std::error::Error;
use std::fmt;

use model::{ErrorKind, Subject};

use crate::key::{BlobKey, KeyError};

/// What a failed call means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlobErrorKind {
    /// There is no such object.
    NotFound,
    /// The condition of a put does not hold, or another process owns the store. Nothing was
    /// written *by this call as the store sees it*; a retry inside the store may still have
    /// written the caller's bytes, so a writer that must know reads the object back.
    Conflict,
    /// The store did not answer, or failed while answering. A write may or may not have happened.
    Unavailable,
    /// There is no room. Nothing was written.
    Full,
    /// The object is not what its writer left: too short for the range asked, or failing a check.
    Corrupt,
    /// The store cannot do this, ever.
    Unsupported,
}

/// A failed call to a [`BlobStore`](crate::BlobStore).
#[derive(Debug)]
pub struct BlobError {
    kind: BlobErrorKind,
    key: Option<BlobKey>,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl BlobError {
    /// An error of `kind`; `message` is one sentence for a person, without a full stop.
    pub fn new(kind: BlobErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            key: None,
            message: message.into(),
            source: None,
        }
    }

    /// The object at `key` does not exist.
    pub fn not_found(key: &BlobKey) -> Self {
        Self::new(BlobErrorKind::NotFound, "no such object").about(key)
    }

    /// The object at `key` exists already.
    pub fn conflict(key: &BlobKey) -> Self {
        Self::new(BlobErrorKind::Conflict, "the object exists already").about(key)
    }

    /// Names the object.
    #[must_use]
    pub fn about(mut self, key: &BlobKey) -> Self {
        self.key = Some(key.clone());
        self
    }

    /// Adds what caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What it means for the caller.
    pub fn kind(&self) -> BlobErrorKind {
        self.kind
    }

    /// The object it is about, when it is about one.
    pub fn key(&self) -> Option<&BlobKey> {
        self.key.as_ref()
    }
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(key) = &self.key {
            write!(f, " (object `{key}`)")?;
        }
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for BlobError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

impl From<BlobError> for model::Error {
    fn from(error: BlobError) -> Self {
        let kind = match error.kind {
            // The engine asks only for objects that its own log names: a missing one is damage.
            BlobErrorKind::NotFound | BlobErrorKind::Corrupt => ErrorKind::Corrupt,
            BlobErrorKind::Conflict => ErrorKind::ReadOnly,
            BlobErrorKind::Unavailable => ErrorKind::Unavailable,
            BlobErrorKind::Full => ErrorKind::StorageFull,
            BlobErrorKind::Unsupported => ErrorKind::Unsupported,
        };
        Self::new(kind, Subject::Storage, error.to_string())
    }
}

impl From<KeyError> for model::Error {
    fn from(error: KeyError) -> Self {
        Self::new(ErrorKind::Internal, Subject::Storage, error.to_string())
    }
}
