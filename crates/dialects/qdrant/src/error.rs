//! Every error of the dialect, and the one place where errors of Skerry get their Qdrant shape.

use bytes::Bytes;
use gateway::{Refusal, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use model::{Error, ErrorKind, Subject};
use serde::Serialize;

/// An error as a Qdrant client sees it.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
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
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

/// Qdrant's words are copied where its clients may look for them; the rest say what happened.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let prefixed = |status, prefix: &str| {
            Self::new(
                status,
                format!("{prefix}: {}", wording(&error.subject, &error.message)),
            )
        };
        match error.kind {
            ErrorKind::NotFound => prefixed(StatusCode::NOT_FOUND, "Not found"),
            ErrorKind::AlreadyExists => {
                let text = match &error.subject {
                    Subject::Collection(name) | Subject::Alias(name) => {
                        format!("Collection `{name}` already exists!")
                    }
                    Subject::Request
                    | Subject::Database(_)
                    | Subject::Point(_)
                    | Subject::VectorField(_)
                    | Subject::PointVector { .. }
                    | Subject::Dimension { .. }
                    | Subject::Field(_)
                    | Subject::Storage => error.message,
                };
                Self::new(StatusCode::CONFLICT, format!("Wrong input: {text}"))
            }
            ErrorKind::Invalid => prefixed(StatusCode::BAD_REQUEST, "Wrong input"),
            ErrorKind::Unsupported => prefixed(StatusCode::BAD_REQUEST, "Bad request"),
            ErrorKind::Unavailable => {
                prefixed(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable")
            }
            ErrorKind::StorageFull => {
                prefixed(StatusCode::INSUFFICIENT_STORAGE, "Service internal error")
            }
            ErrorKind::ReadOnly => prefixed(StatusCode::FORBIDDEN, "Forbidden"),
            ErrorKind::Timeout => prefixed(StatusCode::REQUEST_TIMEOUT, "Timeout"),
            ErrorKind::Corrupt | ErrorKind::Internal => {
                prefixed(StatusCode::INTERNAL_SERVER_ERROR, "Service internal error")
            }
        }
    }
}

/// What Qdrant says about `subject`; `message` where it has no words for it.
fn wording(subject: &Subject, message: &str) -> String {
    match subject {
        Subject::Collection(name) if message.contains("does not exist") => {
            format!("Collection `{name}` doesn't exist!")
        }
        Subject::Alias(name) => format!("Alias {name} does not exists!"),
        Subject::Point(id) => format!("No point with id {id} found"),
        Subject::VectorField(name) => format!("Not existing vector name error: {name}"),
        Subject::PointVector { vector, .. } => {
            format!("Vector with name \"{vector}\" for point not found")
        }
        Subject::Dimension { expected, got } => {
            format!("Vector dimension error: expected dim: {expected}, got {got}")
        }
        Subject::Request
        | Subject::Database(_)
        | Subject::Collection(_)
        | Subject::Field(_)
        | Subject::Storage => message.to_owned(),
    }
}

/// The answer to a request that no handler saw, or whose handler broke down.
pub(crate) fn refuse(refusal: &Refusal, seconds: f64) -> Response {
    let plain = |status: StatusCode, text: &'static str| {
        let mut response = Response::new(Bytes::from_static(text.as_bytes()));
        *response.status_mut() = status;
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        if !text.is_empty() {
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        response
    };
    match refusal {
        Refusal::NoKey => plain(
            StatusCode::UNAUTHORIZED,
            "Must provide an API key or an Authorization bearer token",
        ),
        Refusal::WrongKey => plain(StatusCode::UNAUTHORIZED, "Invalid API key or JWT"),
        Refusal::Forbidden => {
            let text = "Forbidden: Global manage access is required";
            Failure::new(StatusCode::FORBIDDEN, text).response(seconds)
        }
        Refusal::BodyTooLarge {
            bytes: Some(bytes),
            bytes_max,
        } => Failure::new(
            StatusCode::BAD_REQUEST,
            format!(
                "Payload error: JSON payload ({bytes} bytes) is larger than allowed \
                 (limit: {bytes_max} bytes)."
            ),
        )
        .response(seconds),
        Refusal::BodyTooLarge {
            bytes: None,
            bytes_max,
        } => Failure::new(
            StatusCode::BAD_REQUEST,
            format!("Payload error: JSON payload has exceeded limit ({bytes_max} bytes)."),
        )
        .response(seconds),
        // Not 405: that is what Qdrant answers to a wrong method too.
        Refusal::NoRoute | Refusal::WrongMethod { .. } => plain(StatusCode::NOT_FOUND, ""),
        Refusal::Panicked => Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Service internal error: the request broke an invariant of the server",
        )
        .response(seconds),
    }
}
