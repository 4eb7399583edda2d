//! Successful answers.

use bytes::Bytes;
use gateway::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use crate::error::Failure;

/// What a handler comes to.
pub(crate) type Answer = Result<Response, Failure>;

/// `{"error_code": 0}` and the fields of `body`, an object.
pub(crate) fn ok(body: Value) -> Answer {
    let mut fields = match body {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    fields.insert("error_code".into(), 0.into());
    let body = Value::Object(fields).to_string();
    let mut response = Response::new(Bytes::from(body).into());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

/// `{"error_code": 0}`.
pub(crate) fn done() -> Answer {
    ok(Value::Null)
}

/// The response of a call that came to `answer`.
pub(crate) fn finish(answer: Answer) -> Response {
    answer.unwrap_or_else(|failure| failure.response())
}
