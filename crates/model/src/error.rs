//! One error for the whole product: a kind per reaction of the caller, a subject, a message.

use alloc::string::String;
use core::fmt;

use crate::{PointId, Shape};

/// What the caller can do about an [`Error`].
///
/// A dialect maps each kind to its status codes in one function without a `_` arm, so that a new
/// kind breaks every dialect's build, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The named thing does not exist. Create it or correct the name.
    NotFound,
    /// The name is taken. Choose another or drop the other first.
    AlreadyExists,
    /// What the request was derived from is no longer so. Nothing changed; read again and retry.
    Conflict,
    /// The request is malformed or contradicts the schema. Correct it; retrying is useless.
    Invalid,
    /// The request is understood, but this build or this collection cannot do it.
    Unsupported,
    /// Nothing is known to have changed, or the outcome is unknown; retry later.
    Unavailable,
    /// The store has no room left. Nothing changed; free space and retry.
    StorageFull,
    /// Another writer owns the store, or it turned read-only. Reads still answer.
    ReadOnly,
    /// The deadline of the request passed. A write may still take effect.
    Timeout,
    /// Stored bytes fail their checks. Restore from a snapshot; nothing is guessed.
    Corrupt,
    /// A broken invariant in Skerry itself. Report it.
    Internal,
}

/// What an [`Error`] is about, so that a dialect can put it in its own words.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// The request as a whole; the message says it all.
    Request,
    /// A database by name.
    Database(String),
    /// A collection by name.
    Collection(String),
    /// An alias by name.
    Alias(String),
    /// A point by its id.
    Point(PointId),
    /// A vector field of the collection by name.
    VectorField(String),
    /// A vector field that the named point does not carry.
    PointVector {
        /// The point that lacks the vector.
        point: PointId,
        /// Name of the vector field.
        vector: String,
    },
    /// A dense vector of the wrong length, in components.
    Dimension {
        /// What the schema says.
        expected: u32,
        /// What the request brought.
        got: usize,
    },
    /// A vector of another kind than the field holds.
    Shape {
        /// What the schema says.
        expected: Shape,
        /// What the request brought.
        got: Shape,
    },
    /// A payload field by its path.
    Field(String),
    /// A value that a formula needs.
    Variable {
        /// Path of the payload field.
        path: String,
        /// What it should be: `number`, `geo point` or `datetime`.
        expected: &'static str,
    },
    /// The store beneath.
    Storage,
}

/// The one error type that crosses crate boundaries.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// What the caller can do.
    pub kind: ErrorKind,
    /// What it is about.
    pub subject: Subject,
    /// One sentence for a person, without a trailing full stop. Not an interface.
    pub message: String,
}

impl Error {
    /// An error about `subject`.
    pub fn new(kind: ErrorKind, subject: Subject, message: impl Into<String>) -> Self {
        Self {
            kind,
            subject,
            message: message.into(),
        }
    }

    /// [`ErrorKind::Invalid`] about the request as a whole.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, Subject::Request, message)
    }

    /// [`ErrorKind::Unsupported`] about the request as a whole.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, Subject::Request, message)
    }

    /// [`ErrorKind::Corrupt`] about stored bytes.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, Subject::Storage, message)
    }

    /// [`ErrorKind::Internal`]: an invariant of Skerry is broken.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, Subject::Request, message)
    }

    /// The database `name` does not exist.
    pub fn no_database(name: &str) -> Self {
        Self::new(
            ErrorKind::NotFound,
            Subject::Database(name.into()),
            alloc::format!("database `{name}` does not exist"),
        )
    }

    /// The collection `name` does not exist.
    pub fn no_collection(name: &str) -> Self {
        Self::new(
            ErrorKind::NotFound,
            Subject::Collection(name.into()),
            alloc::format!("collection `{name}` does not exist"),
        )
    }

    /// The point `id` does not exist.
    pub fn no_point(id: &PointId) -> Self {
        Self::new(
            ErrorKind::NotFound,
            Subject::Point(id.clone()),
            alloc::format!("no point with id {id}"),
        )
    }

    /// The collection has no vector field called `name`.
    pub fn no_vector_field(name: &str) -> Self {
        Self::new(
            ErrorKind::Invalid,
            Subject::VectorField(name.into()),
            alloc::format!("no vector field `{name}`"),
        )
    }

    /// A dense vector of `got` components where the schema says `expected`.
    pub fn dimension(expected: u32, got: usize) -> Self {
        Self::new(
            ErrorKind::Invalid,
            Subject::Dimension { expected, got },
            alloc::format!("expected a vector of {expected} components, got {got}"),
        )
    }

    /// A vector of the shape `got` where the field holds `expected`.
    pub fn shape(expected: Shape, got: Shape) -> Self {
        Self::new(
            ErrorKind::Invalid,
            Subject::Shape { expected, got },
            alloc::format!("the field holds {expected} vectors, got a {got} one"),
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Error {}
