//! Every error of the dialect, and the one place where errors of Skerry get their Qdrant shape.

use bytes::Bytes;
use gateway::{Denied, Refusal, Response, TokenFault};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use model::{Error, ErrorKind, Shape, Subject};
use serde::Serialize;

/// An error as a Qdrant client sees it.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    /// After so many seconds the same request may succeed.
    pub(crate) retry_after_s: Option<u64>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            retry_after_s: None,
        }
    }

    /// The request contradicts itself or the collection.
    pub(crate) fn wrong_input(text: impl core::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Wrong input: {text}"))
    }

    /// The request makes no sense on its own.
    pub(crate) fn bad_request(text: impl core::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Bad request: {text}"))
    }

    /// Something that Qdrant can do and this build cannot.
    pub(crate) fn unsupported(feature: impl core::fmt::Display) -> Self {
        Self::bad_request(format_args!("this server does not support {feature} yet"))
    }

    /// The body is no JSON of the expected shape; `text` is what the parser said.
    pub(crate) fn format(text: impl core::fmt::Display) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            format!("Format error in JSON body: {text}"),
        )
    }

    /// A value is out of bounds; `place` is `JSON body` or `path parameters`, `field` a path.
    pub(crate) fn validation(
        place: &str,
        field: impl core::fmt::Display,
        text: impl core::fmt::Display,
    ) -> Self {
        let text = format!("Validation error in {place}: [{field}: {text}]");
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, text)
    }

    /// A response of this status and text.
    pub(crate) fn response(&self, seconds: f64) -> Response {
        #[derive(Serialize)]
        struct Status<'a> {
            error: &'a str,
        }
        #[derive(Serialize)]
        struct Body<'a> {
            status: Status<'a>,
            time: f64,
        }
        let body = Body {
            status: Status { error: &self.text },
            time: seconds,
        };
        let body = serde_json::to_vec(&body).expect("texts and numbers can be serialised");
        let mut response = Response::new(Bytes::from(body).into());
        *response.status_mut() = self.status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        if let Some(seconds) = self.retry_after_s {
            let value = HeaderValue::from(seconds);
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        response
    }
}

/// Qdrant's words are used where its clients may look for them; the rest say what happened.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (status, prefix) = match error.kind {
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "Not found"),
            ErrorKind::AlreadyExists => (StatusCode::CONFLICT, "Wrong input"),
            ErrorKind::Invalid => (StatusCode::BAD_REQUEST, "Wrong input"),
            ErrorKind::Conflict => (StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
            ErrorKind::Unsupported => (StatusCode::BAD_REQUEST, "Bad request"),
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
            ErrorKind::StorageFull => (StatusCode::INSUFFICIENT_STORAGE, "Service internal error"),
            ErrorKind::ReadOnly => (StatusCode::FORBIDDEN, "Forbidden"),
            ErrorKind::Timeout => (StatusCode::REQUEST_TIMEOUT, "Timeout error"),
            ErrorKind::Corrupt | ErrorKind::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Service internal error")
            }
        };
        Self::new(status, format!("{prefix}: {}", wording(error)))
    }
}

/// What Qdrant says about the subject of `error`; its message where Qdrant has no words.
fn wording(error: Error) -> String {
    let kind = error.kind;
    match error.subject {
        Subject::Collection(name) if kind == ErrorKind::NotFound => {
            format!("Collection `{name}` doesn't exist!")
        }
        Subject::Collection(name) | Subject::Alias(name) if kind == ErrorKind::AlreadyExists => {
            format!("Collection `{name}` already exists!")
        }
        Subject::Alias(name) if kind == ErrorKind::NotFound => {
            format!("Alias {name} does not exists!")
        }
        Subject::Point(id) if kind == ErrorKind::NotFound => format!("No point with id {id} found"),
        Subject::PointVector { vector, .. } if kind == ErrorKind::NotFound => {
            format!("Vector with name \"{vector}\" for point not found")
        }
        Subject::VectorField(name) if kind == ErrorKind::Invalid => {
            format!("Not existing vector name error: {name}")
        }
        Subject::Dimension { expected, got } => {
            format!("Vector dimension error: expected dim: {expected}, got {got}")
        }
        Subject::Variable { path, expected } => format!(
            "Expected {expected} value for {path} in the payload and/or in the formula defaults. \
             Error: {}",
            error.message
        ),
        Subject::Shape {
            expected: Shape::Sparse,
            got: Shape::Dense | Shape::Binary,
        }
        | Subject::Shape {
            got: Shape::Sparse, ..
        } => "Wrong usage of sparse vectors".to_owned(),
        Subject::Shape {
            got: Shape::Multi, ..
        } => "Wrong usage of multi vectors".to_owned(),
        Subject::Request
        | Subject::Shape { .. }
        | Subject::Database(_)
        | Subject::Collection(_)
        | Subject::Alias(_)
        | Subject::Point(_)
        | Subject::VectorField(_)
        | Subject::PointVector { .. }
        | Subject::Field(_)
        | Subject::Storage => error.message,
    }
}

/// A refusal that Qdrant tells without JSON.
fn plain(status: StatusCode, text: &str) -> Response {
    let mut response = Response::new(Bytes::copy_from_slice(text.as_bytes()).into());
    *response.status_mut() = status;
    if !text.is_empty() {
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

/// Why a token is not taken.
fn token(fault: &TokenFault) -> Response {
    let unmatched = "Invalid JWT, stateful validation failed";
    match fault {
        TokenFault::Signature => plain(StatusCode::FORBIDDEN, "InvalidSignature"),
        TokenFault::Expired => plain(StatusCode::FORBIDDEN, "ExpiredSignature"),
        TokenFault::Claims(text) => plain(StatusCode::UNAUTHORIZED, text),
        TokenFault::NoSuchValue => plain(StatusCode::UNAUTHORIZED, unmatched),
        TokenFault::NoSuchCollection => plain(StatusCode::FORBIDDEN, unmatched),
    }
}

/// What a key that is known does not cover.
impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        let text = match denied {
            Denied::Manage => "Global manage access is required".to_owned(),
            Denied::Whole => "Global access is required".to_owned(),
            Denied::Collection(name) => format!("Access to collection {name} is required"),
            Denied::Write(name) => format!("Write access to collection {name} is required"),
            Denied::Surroundings(name) => {
                format!("Only points access is allowed for collection {name}")
            }
        };
        Self::new(StatusCode::FORBIDDEN, format!("Forbidden: {text}"))
    }
}

/// The answer to a request that no handler saw, or whose handler broke down.
pub(crate) fn refuse(refusal: &Refusal, seconds: f64) -> Response {
    let failure = match refusal {
        Refusal::NoKey => {
            return plain(
                StatusCode::UNAUTHORIZED,
                "Must provide an API key or an Authorization bearer token",
            );
        }
        Refusal::WrongKey => return plain(StatusCode::UNAUTHORIZED, "Invalid API key or JWT"),
        Refusal::Token(fault) => return token(fault),
        Refusal::BrokenOff => Failure::bad_request("the body of the request broke off"),
        // Not 405: that is what Qdrant answers to a wrong method too.
        Refusal::NoRoute | Refusal::WrongMethod { .. } => return plain(StatusCode::NOT_FOUND, ""),
        Refusal::Unanswered(error) => Failure::from(error.clone()),
        Refusal::Forbidden(denied) => Failure::from(denied.clone()),
        Refusal::BodyTooLarge { bytes, bytes_max } => {
            let text = match bytes {
                Some(bytes) => format!(
                    "Payload error: JSON payload ({bytes} bytes) is larger than allowed \
                     (limit: {bytes_max} bytes)."
                ),
                None => {
                    format!("Payload error: JSON payload has exceeded limit ({bytes_max} bytes).")
                }
            };
            Failure::new(StatusCode::BAD_REQUEST, text)
        }
        Refusal::Panicked => Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Service internal error: the request broke an invariant of the server",
        ),
    };
    failure.response(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PointId;

    #[test]
    fn subjects_are_told_in_the_words_of_qdrant() {
        let point = PointId::Num(5);
        let vector = Subject::PointVector {
            point: point.clone(),
            vector: "x".into(),
        };
        let alias = |kind| Error::new(kind, Subject::Alias("a".into()), "m");
        let collection = Error::new(
            ErrorKind::AlreadyExists,
            Subject::Collection("c".into()),
            "m",
        );
        for (error, status, text) in [
            (
                Error::no_collection("c"),
                404,
                "Not found: Collection `c` doesn't exist!",
            ),
            (
                collection,
                409,
                "Wrong input: Collection `c` already exists!",
            ),
            (
                alias(ErrorKind::NotFound),
                404,
                "Not found: Alias a does not exists!",
            ),
            (
                alias(ErrorKind::AlreadyExists),
                409,
                "Wrong input: Collection `a` already exists!",
            ),
            (
                Error::no_point(&point),
                404,
                "Not found: No point with id 5 found",
            ),
            (
                Error::new(ErrorKind::NotFound, vector, "m"),
                404,
                "Not found: Vector with name \"x\" for point not found",
            ),
            (
                Error::no_vector_field("x"),
                400,
                "Wrong input: Not existing vector name error: x",
            ),
            (
                Error::dimension(4, 3),
                400,
                "Wrong input: Vector dimension error: expected dim: 4, got 3",
            ),
        ] {
            let failure = Failure::from(error);
            assert_eq!(
                (failure.status.as_u16(), failure.text.as_str()),
                (status, text)
            );
        }
    }

    #[test]
    fn kinds_decide_the_status() {
        for (kind, status) in [
            (ErrorKind::NotFound, 404),
            (ErrorKind::AlreadyExists, 409),
            (ErrorKind::Invalid, 400),
            (ErrorKind::Conflict, 503),
            (ErrorKind::Unsupported, 400),
            (ErrorKind::Unavailable, 503),
            (ErrorKind::StorageFull, 507),
            (ErrorKind::ReadOnly, 403),
            (ErrorKind::Timeout, 408),
            (ErrorKind::Corrupt, 500),
            (ErrorKind::Internal, 500),
        ] {
            let failure = Failure::from(Error::new(kind, Subject::Request, "what happened"));
            assert_eq!(failure.status.as_u16(), status, "{kind:?}");
            assert!(
                failure.text.ends_with(": what happened"),
                "{}",
                failure.text
            );
        }
    }
}
