//! Every error of the dialect, and the one place where errors of Skerry get their numbers.

use bytes::Bytes;
use gateway::{Denied, Refusal, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use model::{Error, ErrorKind, Subject};
use serde_json::json;
use where_clause::Fault;

/// The numbers that this dialect answers with, by Infinity's names.
pub(crate) mod code {
    pub(crate) const WRONG_PASSWORD: u32 = 2001;
    pub(crate) const INSUFFICIENT_PRIVILEGE: u32 = 2002;
    pub(crate) const INVALID_DATABASE_NAME: u32 = 3003;
    pub(crate) const INVALID_TABLE_NAME: u32 = 3004;
    pub(crate) const INVALID_COLUMN_NAME: u32 = 3005;
    pub(crate) const INVALID_INDEX_NAME: u32 = 3006;
    pub(crate) const INVALID_COLUMN: u32 = 3007;
    pub(crate) const INVALID_INDEX: u32 = 3009;
    pub(crate) const TYPE_MISMATCH: u32 = 3010;
    pub(crate) const SYNTAX: u32 = 3013;
    pub(crate) const PARAMETER_VALUE: u32 = 3014;
    pub(crate) const DUPLICATE_DATABASE: u32 = 3016;
    pub(crate) const DUPLICATE_TABLE: u32 = 3017;
    pub(crate) const DUPLICATE_INDEX: u32 = 3018;
    pub(crate) const NO_DATABASE: u32 = 3021;
    pub(crate) const NO_TABLE: u32 = 3022;
    pub(crate) const NO_INDEX: u32 = 3023;
    pub(crate) const NO_COLUMN: u32 = 3024;
    pub(crate) const AGGREGATE_IN_WHERE: u32 = 3025;
    pub(crate) const NOT_IN_GROUP_BY: u32 = 3026;
    pub(crate) const NO_SYSTEM_VARIABLE: u32 = 3027;
    pub(crate) const VARIABLE_VALUE: u32 = 3028;
    pub(crate) const READ_ONLY_VARIABLE: u32 = 3029;
    pub(crate) const NO_FUNCTION: u32 = 3030;
    pub(crate) const NOT_SUPPORTED: u32 = 3032;
    pub(crate) const DROP_USED_DATABASE: u32 = 3033;
    pub(crate) const FUNCTION_ARGUMENTS: u32 = 3036;
    pub(crate) const FILE_FORMAT: u32 = 3037;
    pub(crate) const COLUMN_COUNT: u32 = 3039;
    pub(crate) const EMPTY_DATABASE_NAME: u32 = 3040;
    pub(crate) const EMPTY_TABLE_NAME: u32 = 3041;
    pub(crate) const EMPTY_COLUMN_NAME: u32 = 3042;
    pub(crate) const EMPTY_INDEX_NAME: u32 = 3043;
    pub(crate) const LONG_DATABASE_NAME: u32 = 3044;
    pub(crate) const LONG_TABLE_NAME: u32 = 3045;
    pub(crate) const LONG_COLUMN_NAME: u32 = 3046;
    pub(crate) const LONG_INDEX_NAME: u32 = 3047;
    pub(crate) const NO_COLUMNS: u32 = 3048;
    pub(crate) const NO_OUTPUT: u32 = 3050;
    pub(crate) const DATA_TYPE: u32 = 3051;
    pub(crate) const MATCH_SYNTAX: u32 = 3052;
    pub(crate) const CONSTRAINT: u32 = 3055;
    pub(crate) const EMBEDDING: u32 = 3057;
    pub(crate) const INDEX_TYPE: u32 = 3060;
    pub(crate) const INDEX_PARAMETER: u32 = 3061;
    pub(crate) const FILTER: u32 = 3063;
    pub(crate) const JSON: u32 = 3067;
    pub(crate) const DUPLICATE_COLUMN: u32 = 3068;
    pub(crate) const EXPRESSION: u32 = 3069;
    pub(crate) const NO_SEGMENT: u32 = 3070;
    pub(crate) const NO_BLOCK: u32 = 3072;
    pub(crate) const TOPN: u32 = 3073;
    pub(crate) const CREATE_OPTION: u32 = 3074;
    pub(crate) const DROP_OPTION: u32 = 3075;
    pub(crate) const COMMAND: u32 = 3076;
    pub(crate) const ANALYZER: u32 = 3077;
    pub(crate) const ANALYZER_NAME: u32 = 3079;
    pub(crate) const EXPLAIN_TYPE: u32 = 3081;
    pub(crate) const NO_CHUNK: u32 = 3082;
    pub(crate) const NO_TRANSACTION: u32 = 3084;
    pub(crate) const NOT_FOUND: u32 = 3088;
    pub(crate) const QUERY_OPTION: u32 = 3092;
    pub(crate) const INDEX_ON_COLUMN: u32 = 3099;
    pub(crate) const SNAPSHOT_EXISTS: u32 = 3100;
    pub(crate) const SNAPSHOT_DELETED: u32 = 3101;
    pub(crate) const CONFLICT: u32 = 4002;
    pub(crate) const OUT_OF_DISK: u32 = 5001;
    pub(crate) const TOO_COMPLEX: u32 = 5005;
    pub(crate) const CANCELLED: u32 = 6001;
    pub(crate) const DUPLICATE_FILE: u32 = 7002;
    pub(crate) const CORRUPTED: u32 = 7005;
    pub(crate) const NO_FILE: u32 = 7008;
    pub(crate) const UNEXPECTED: u32 = 7011;
    pub(crate) const PARSER: u32 = 7012;
    pub(crate) const NO_NODE: u32 = 7019;
    pub(crate) const STORAGE: u32 = 7024;
    pub(crate) const NODE_ROLE: u32 = 7026;
}

/// An error as an Infinity client sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: u32,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(code: u32, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code, text }
    }

    pub(crate) fn syntax(text: impl Into<String>) -> Self {
        Self::new(code::SYNTAX, text)
    }

    pub(crate) fn json(text: impl core::fmt::Display) -> Self {
        Self::new(code::JSON, format!("Invalid JSON: {text}"))
    }

    pub(crate) fn expression(text: impl core::fmt::Display) -> Self {
        Self::new(code::EXPRESSION, format!("Invalid expression: {text}"))
    }

    pub(crate) fn not_supported(text: impl core::fmt::Display) -> Self {
        Self::new(code::NOT_SUPPORTED, format!("Not supported: {text}"))
    }

    pub(crate) fn no_database(name: &str) -> Self {
        Self::new(
            code::NO_DATABASE,
            format!("Database: {name} doesn't exist."),
        )
    }

    pub(crate) fn no_table(name: &str) -> Self {
        Self::new(code::NO_TABLE, format!("Table: {name} doesn't exist."))
    }

    pub(crate) fn no_column(name: &str) -> Self {
        Self::new(code::NO_COLUMN, format!("Column: {name} doesn't exist."))
    }

    /// Why a text is no condition; `malformed` is the number of those that are not of the grammar.
    pub(crate) fn of_fault(fault: &Fault, malformed: u32) -> Self {
        let number = match fault {
            Fault::Empty | Fault::Syntax(_) | Fault::Unsupported(_) => malformed,
            Fault::TooLarge => code::TOO_COMPLEX,
            Fault::NoField(name) => return Self::no_column(name),
            Fault::NoFunction(_) => code::NO_FUNCTION,
            Fault::Arguments(_) => code::FUNCTION_ARGUMENTS,
        };
        Self::new(number, fault.to_string())
    }

    /// The answer with this error.
    pub(crate) fn response(&self) -> Response {
        let body = json!({
            "error_code": self.code,
            "error_message": self.text,
            "error_msg": self.text,
        });
        let mut response = Response::new(Bytes::from(body.to_string()).into());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let number = match (error.kind, &error.subject) {
            (ErrorKind::NotFound, Subject::Database(name)) => return Self::no_database(name),
            (ErrorKind::NotFound, Subject::Collection(name) | Subject::Alias(name)) => {
                return Self::no_table(name);
            }
            (ErrorKind::AlreadyExists, Subject::Database(name)) => {
                let text = format!("Database: {name} is already existed");
                return Self::new(code::DUPLICATE_DATABASE, text);
            }
            (ErrorKind::AlreadyExists, Subject::Collection(name) | Subject::Alias(name)) => {
                let text = format!("Table: {name} is already existed");
                return Self::new(code::DUPLICATE_TABLE, text);
            }
            (ErrorKind::Invalid, Subject::Dimension { .. } | Subject::Shape { .. }) => {
                code::TYPE_MISMATCH
            }
            (ErrorKind::Invalid, Subject::VectorField(name)) => return Self::no_column(name),
            (ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::Invalid, _) => {
                code::PARAMETER_VALUE
            }
            (ErrorKind::Conflict, _) => code::CONFLICT,
            (ErrorKind::Unsupported, _) => code::NOT_SUPPORTED,
            (ErrorKind::StorageFull, _) => code::OUT_OF_DISK,
            (ErrorKind::Unavailable | ErrorKind::ReadOnly, _) => code::STORAGE,
            (ErrorKind::Timeout, _) => code::CANCELLED,
            (ErrorKind::Corrupt, _) => code::CORRUPTED,
            (ErrorKind::Internal, _) => code::UNEXPECTED,
        };
        Self::new(number, error.message)
    }
}

/// The answer to a request that no handler saw. Infinity has no page for a path that it does not
/// know but a plain 404, which its clients take for a wrong name.
pub(crate) fn refuse(refusal: &Refusal) -> Response {
    let failure = match refusal {
        Refusal::NoRoute | Refusal::WrongMethod { .. } => {
            let mut response = Response::new(Bytes::from_static(b"Not found").into());
            *response.status_mut() = StatusCode::NOT_FOUND;
            let plain = HeaderValue::from_static("text/plain");
            response.headers_mut().insert(CONTENT_TYPE, plain);
            return response;
        }
        Refusal::NoKey | Refusal::WrongKey | Refusal::Token(_) => Failure::new(
            code::WRONG_PASSWORD,
            "a key is needed, and none that is known was given",
        ),
        Refusal::Unanswered(error) => Failure::from(error.clone()),
        Refusal::Forbidden(denied) => Failure::new(code::INSUFFICIENT_PRIVILEGE, denial(denied)),
        Refusal::BodyTooLarge { bytes_max, .. } => Failure::new(
            code::TOO_COMPLEX,
            format!("the body is longer than {bytes_max} bytes"),
        ),
        Refusal::BrokenOff => Failure::json("the body ended before it was whole"),
        Refusal::Panicked => Failure::new(code::UNEXPECTED, "an error inside this server"),
    };
    failure.response()
}

fn denial(denied: &Denied) -> String {
    match denied {
        Denied::Manage => "this key only reads".into(),
        Denied::Whole => "this key is for single tables".into(),
        Denied::Collection(name) => format!("this key is not for table {name}"),
        Denied::Write(name) => format!("this key only reads table {name}"),
        Denied::Surroundings(name) => format!("this key is for the rows of table {name} only"),
    }
}
