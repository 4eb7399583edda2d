//! The envelope around every result: `{"result": …, "status": "ok", "time": …}`.

use bytes::Bytes;
use gateway::{Call, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::error::Failure;

/// What a handler comes to.
pub(crate) type Answer = Result<Response, Failure>;

/// A successful response with `result` in the envelope.
pub(crate) fn ok(call: &Call<'_>, result: impl Serialize) -> Answer {
    #[derive(Serialize)]
    struct Envelope<T> {
        result: T,
        status: &'static str,
        time: f64,
    }
    bare(&Envelope {
        result,
        status: "ok",
        time: call.seconds(),
    })
}

/// A successful JSON response without the envelope.
///
/// # Errors
/// When something stored cannot be expressed in this dialect (ids that are text).
pub(crate) fn bare(body: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(body).map_err(Failure::bad_request)?;
    let mut response = Response::new(Bytes::from(body).into());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

/// A successful plain text response.
pub(crate) fn text(body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(body.into().into());
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    Ok(response)
}

/// The response of a call that came to `answer`.
pub(crate) fn finish(call: &Call<'_>, answer: Answer) -> Response {
    answer.unwrap_or_else(|failure| failure.response(call.seconds()))
}
