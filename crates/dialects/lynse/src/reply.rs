//! The envelope around every result: `{"status": "success", "params": {…}}`.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use gateway::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value as Json};

use crate::error::Failure;

/// What a handler comes to.
pub(crate) type Answer = Result<Response, Failure>;

/// The result of a request, without what it repeats of it.
pub(crate) type Params = Map<String, Json>;

/// Requests answered so far: each response says its number. It is no state of any database, only
/// a label, so one for the process will do.
static ANSWERED: AtomicU64 = AtomicU64::new(0);

/// `response` with its number.
pub(crate) fn numbered(mut response: Response) -> Response {
    let number = ANSWERED.fetch_add(1, Ordering::Relaxed) + 1;
    response
        .headers_mut()
        .insert("x-request-id", HeaderValue::from(number));
    response
}

/// A successful response with `params` in the envelope.
pub(crate) fn success(params: Params) -> Response {
    let params = Json::Object(params);
    // By hand, so that the status comes first as it always did.
    json(format!(r#"{{"status":"success","params":{params}}}"#))
}

/// A JSON body as it is.
pub(crate) fn json(body: String) -> Response {
    with_type(body.into(), "application/json")
}

/// A binary frame.
pub(crate) fn frame(body: Vec<u8>) -> Response {
    with_type(body.into(), "application/octet-stream")
}

/// A body of some type.
pub(crate) fn with_type(body: Bytes, kind: &'static str) -> Response {
    let mut response = Response::new(body.into());
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// The response of a call that came to `answer`.
pub(crate) fn finish(answer: Answer) -> Response {
    numbered(answer.unwrap_or_else(Failure::response))
}
