//! The codes of Milvus, and the one place where errors of Skerry and refusals get theirs.

use gateway::{Denied, Refusal};
use http::StatusCode;
use model::{Error, ErrorKind, Subject};

/// A number that Milvus' clients tell errors apart by. Those that stand for parts which Skerry does
/// not have (folders, a cache, a file of a search result) are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Anything without a number of its own.
    Unexpected = 1,
    /// A key is missing, wrong, or allows less.
    PermissionDenied = 3,
    /// There is no such collection, partition (to drop) or segment.
    CollectionNotExists = 4,
    /// A value that is not allowed.
    IllegalArgument = 5,
    /// A dimension, of a collection or a vector.
    IllegalDimension = 7,
    /// An index type, or one that does not go with the metric.
    IllegalIndexType = 8,
    /// A name of a collection that is wrong or taken.
    IllegalCollectionName = 9,
    /// `topk`.
    IllegalTopk = 10,
    /// Vectors that are no rows of numbers of one length.
    IllegalRowRecord = 11,
    /// Ids.
    IllegalVectorId = 12,
    /// The store has damaged bytes.
    MetaFailed = 15,
    /// The store takes no more.
    CannotCreateFile = 18,
    /// A metric.
    IllegalMetricType = 23,
    /// A path below `/system`.
    UnknownPath = 32,
    /// A parameter of the query string is missing.
    QueryParamLoss = 33,
    /// A field of the body is missing.
    BodyFieldLoss = 34,
    /// The body is JSON of another shape.
    IllegalBody = 35,
    /// The body is no JSON.
    BodyParseFail = 36,
    /// A parameter of the query string cannot be read.
    IllegalQueryParam = 37,
}

/// An error as a Milvus client sees it.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Failure {
    /// 404 for what does not exist, else 400: Milvus knows no other status for wrong requests.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let status = match code {
            Code::CollectionNotExists => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    fn with_status(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self {
            status,
            ..Self::new(code, message)
        }
    }

    /// As it is told below `/system`, where even a missing collection is 400.
    pub(crate) fn of_system(mut self) -> Self {
        if self.status == StatusCode::NOT_FOUND {
            self.status = StatusCode::BAD_REQUEST;
        }
        self
    }

    /// There is no collection `name`.
    pub(crate) fn no_collection(name: &str) -> Self {
        Self::new(
            Code::CollectionNotExists,
            format!(
                "Collection {name} does not exist. Use milvus.has_collection to verify whether \
                 the collection exists. You also can check whether the collection name exists."
            ),
        )
    }

    /// The body lacks `field`.
    pub(crate) fn missing(field: &str) -> Self {
        Self::new(Code::BodyFieldLoss, format!("Field '{field}' is missing"))
    }

    /// The body has something else than `expected` at `field`.
    pub(crate) fn not_a(field: &str, expected: &str) -> Self {
        Self::new(
            Code::IllegalBody,
            format!("Field '{field}' must be {expected}"),
        )
    }

    /// The path has no route.
    pub(crate) fn no_route() -> Self {
        let message = "Current url has no mapping";
        Self::with_status(StatusCode::NOT_FOUND, Code::UnknownPath, message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (kind, message) = (error.kind, error.message);
        let code = match error.subject {
            Subject::Collection(name) | Subject::Alias(name) if kind == ErrorKind::NotFound => {
                return Self::no_collection(&name);
            }
            Subject::Collection(_) | Subject::Alias(_) if kind == ErrorKind::AlreadyExists => {
                let message = "Collection already exists";
                return Self::new(Code::IllegalCollectionName, message);
            }
            Subject::Dimension { .. } => Code::IllegalDimension,
            Subject::Shape { .. } => Code::IllegalRowRecord,
            Subject::Point(_) | Subject::PointVector { .. } => Code::IllegalVectorId,
            Subject::Request
            | Subject::Database(_)
            | Subject::Collection(_)
            | Subject::Alias(_)
            | Subject::VectorField(_)
            | Subject::Field(_)
            | Subject::Variable { .. }
            | Subject::Storage => Code::IllegalArgument,
        };
        match kind {
            ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::Invalid => {
                Self::new(code, message)
            }
            ErrorKind::Unsupported => Self::new(Code::IllegalArgument, message),
            ErrorKind::Conflict | ErrorKind::Unavailable => {
                Self::with_status(StatusCode::SERVICE_UNAVAILABLE, Code::Unexpected, message)
            }
            ErrorKind::StorageFull => Self::with_status(
                StatusCode::INSUFFICIENT_STORAGE,
                Code::CannotCreateFile,
                message,
            ),
            ErrorKind::ReadOnly => {
                Self::with_status(StatusCode::FORBIDDEN, Code::PermissionDenied, message)
            }
            ErrorKind::Timeout => {
                Self::with_status(StatusCode::REQUEST_TIMEOUT, Code::Unexpected, message)
            }
            ErrorKind::Corrupt => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Self::with_status(status, Code::MetaFailed, message)
            }
            ErrorKind::Internal => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Self::with_status(status, Code::Unexpected, message)
            }
        }
    }
}

/// What a key that is known does not cover.
impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        let message = match denied {
            Denied::Manage => "The key only reads".to_owned(),
            Denied::Whole => "The key does not cover the server as a whole".to_owned(),
            Denied::Collection(name) => format!("The key does not cover collection {name}"),
            Denied::Write(name) => format!("The key only reads collection {name}"),
            Denied::Surroundings(name) => {
                format!("The key covers only the vectors of collection {name}")
            }
        };
        Self::with_status(StatusCode::FORBIDDEN, Code::PermissionDenied, message)
    }
}

/// Why a request is refused that no handler saw, or whose handler broke down.
pub(crate) fn refused(refusal: &Refusal) -> Failure {
    let keyless =
        |message| Failure::with_status(StatusCode::UNAUTHORIZED, Code::PermissionDenied, message);
    match refusal {
        Refusal::NoKey => keyless("An API key or a bearer token is needed"),
        Refusal::WrongKey | Refusal::Token(_) => keyless("The API key is not known"),
        Refusal::Unanswered(error) => Failure::from(error.clone()),
        Refusal::Forbidden(denied) => Failure::from(denied.clone()),
        Refusal::BodyTooLarge { bytes_max, .. } => Failure::with_status(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::IllegalRowRecord,
            format!("The body is longer than {bytes_max} bytes; insert fewer vectors at once"),
        ),
        Refusal::BrokenOff => {
            Failure::new(Code::BodyParseFail, "The body of the request broke off")
        }
        // Not 405: Milvus maps a method with its path.
        Refusal::NoRoute | Refusal::WrongMethod { .. } => Failure::no_route(),
        Refusal::Panicked => Failure::with_status(
            StatusCode::INTERNAL_SERVER_ERROR,
            Code::Unexpected,
            "The request broke an invariant of the server",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_decide_status_and_code() {
        for (kind, status, code) in [
            (ErrorKind::NotFound, 400, 5),
            (ErrorKind::AlreadyExists, 400, 5),
            (ErrorKind::Conflict, 503, 1),
            (ErrorKind::Invalid, 400, 5),
            (ErrorKind::Unsupported, 400, 5),
            (ErrorKind::Unavailable, 503, 1),
            (ErrorKind::StorageFull, 507, 18),
            (ErrorKind::ReadOnly, 403, 3),
            (ErrorKind::Timeout, 408, 1),
            (ErrorKind::Corrupt, 500, 15),
            (ErrorKind::Internal, 500, 1),
        ] {
            let failure = Failure::from(Error::new(kind, Subject::Request, "m"));
            assert_eq!(
                (failure.status.as_u16(), failure.code as u8),
                (status, code),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn only_what_does_not_exist_is_404_and_not_below_system() {
        let missing = Failure::from(Error::no_collection("c"));
        assert_eq!((missing.status.as_u16(), missing.code as u8), (404, 4));
        assert_eq!(missing.of_system().status, StatusCode::BAD_REQUEST);
        let wrong = Failure::from(Error::dimension(4, 3));
        assert_eq!((wrong.status.as_u16(), wrong.code as u8), (400, 7));
    }
}
