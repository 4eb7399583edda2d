//! What is told to a caller whose request fails: the only place where errors become statuses.
//!
//! The server that clients were written against answers nearly every error with 500. Clients look
//! for 200 and show the rest, so errors have the status that fits them here, the texts that people
//! know, and the codes of the newer protocol.

use gateway::{Refusal, Response};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use model::{Error, ErrorKind, Subject};
use serde_json::json;

use crate::reply::numbered;

/// Why a request fails.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    status: StatusCode,
    told: Told,
}

/// In what shape it is said.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    /// `{"error": …, "code": …}`.
    Object { error: String, code: &'static str },
    /// A line of plain text: what is said of bodies that cannot be read.
    Line(String),
}

impl Failure {
    fn new(status: StatusCode, code: &'static str, error: impl Into<String>) -> Self {
        let error = error.into();
        Self {
            status,
            told: Told::Object { error, code },
        }
    }

    /// An argument that makes no sense, in the usual words.
    pub(crate) fn argument(what: impl core::fmt::Display) -> Self {
        Self::bad(format!("Invalid argument: {what}"))
    }

    /// As [`Failure::argument`], in these words alone.
    pub(crate) fn bad(what: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_argument", what)
    }

    /// Something named is not there.
    pub(crate) fn missing(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", what)
    }

    /// A name is taken.
    pub(crate) fn taken(what: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "already_exists", what)
    }

    /// An index was to be built of nothing.
    pub(crate) fn empty() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "empty_database", "Empty database")
    }

    /// A request that cannot be read.
    pub(crate) fn line(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            told: Told::Line(text.into()),
        }
    }

    /// The same as plain text, as the binary routes say it.
    pub(crate) fn plainly(self) -> Self {
        let told = match self.told {
            Told::Object { error, .. } => Told::Line(error),
            line @ Told::Line(_) => line,
        };
        Self { told, ..self }
    }

    /// Whether a write lost a race for the id `id`.
    pub(crate) fn is_taken(&self) -> bool {
        self.status == StatusCode::CONFLICT
    }

    pub(crate) fn response(self) -> Response {
        let (body, kind) = match self.told {
            Told::Object { error, code } => (
                json!({ "error": error, "code": code }).to_string(),
                "application/json",
            ),
            Told::Line(text) => (text, "text/plain; charset=utf-8"),
        };
        let mut response = Response::new(bytes::Bytes::from(body).into());
        *response.status_mut() = self.status;
        let kind = HeaderValue::from_static(kind);
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Error {
            kind,
            subject,
            message,
        } = error;
        match (kind, subject) {
            (ErrorKind::NotFound, Subject::Database(name)) => {
                Self::missing(format!("Database not found: {name}"))
            }
            (ErrorKind::NotFound, Subject::Collection(name)) => {
                Self::missing(format!("Collection '{name}' does not exist."))
            }
            (ErrorKind::AlreadyExists, Subject::Collection(name)) => {
                Self::taken(format!("Collection already exists: {name}"))
            }
            (ErrorKind::NotFound, Subject::Point(id)) => {
                Self::missing(format!("external id {id} does not exist"))
            }
            (ErrorKind::AlreadyExists, Subject::Point(id)) => Self::taken(format!(
                "Invalid argument: id {id} already exists; use update/upsert semantics instead"
            )),
            (_, Subject::Dimension { expected, got }) => Self::bad(format!(
                "Dimension mismatch: expected {expected}, got {got}"
            )),
            (ErrorKind::Invalid | ErrorKind::NotFound, Subject::VectorField(name)) => {
                Self::argument(format_args!("vector field '{name}' does not exist"))
            }
            (kind, _) => by_kind(kind, message),
        }
    }
}

fn by_kind(kind: ErrorKind, message: String) -> Failure {
    let (status, code) = match kind {
        ErrorKind::Invalid | ErrorKind::Unsupported => return Failure::argument(message),
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        ErrorKind::AlreadyExists | ErrorKind::Conflict => (StatusCode::CONFLICT, "already_exists"),
        ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "internal_error"),
        ErrorKind::StorageFull => (StatusCode::INSUFFICIENT_STORAGE, "internal_error"),
        ErrorKind::ReadOnly => (StatusCode::FORBIDDEN, "internal_error"),
        ErrorKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "internal_error"),
        ErrorKind::Corrupt | ErrorKind::Internal => {
            (StatusCode::INTERNAL_SERVER_ERROR, "internal_error")
        }
    };
    Failure::new(status, code, message)
}

/// The answer to a request that no handler sees.
pub(crate) fn refuse(refusal: &Refusal) -> Response {
    let unauthorized = || {
        let mut response =
            Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized").response();
        let ask = HeaderValue::from_static("Basic realm=\"LynseDB\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, ask);
        response
    };
    let nothing = |status| {
        let mut response = Response::new(bytes::Bytes::new().into());
        *response.status_mut() = status;
        response
    };
    numbered(match refusal {
        Refusal::NoKey | Refusal::WrongKey | Refusal::Token(_) => unauthorized(),
        Refusal::Unanswered(error) => Failure::from(error.clone()).response(),
        Refusal::Forbidden(_) => Failure::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "the key does not allow this",
        )
        .response(),
        Refusal::BodyTooLarge { bytes_max, .. } => Failure {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            told: Told::Line(format!("the body is longer than {bytes_max} bytes")),
        }
        .response(),
        Refusal::BrokenOff => Failure::line("the body ended before it was whole").response(),
        Refusal::NoRoute | Refusal::WrongMethod { .. } => nothing(StatusCode::NOT_FOUND),
        Refusal::Panicked => Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "the request could not be answered",
        )
        .response(),
    })
}
