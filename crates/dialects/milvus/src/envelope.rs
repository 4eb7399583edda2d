//! Responses: JSON always, open to pages of every origin.

use bytes::Bytes;
use gateway::{Call, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CONTENT_TYPE,
};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::error::Failure;

/// What a handler comes to.
pub(crate) type Answer = Result<Response, Failure>;

/// What clients read where there is nothing else to tell.
#[derive(Serialize)]
struct Told<'a> {
    message: &'a str,
    code: u8,
}

fn response(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Bytes::from(body).into());
    *response.status_mut() = status;
    if !kind.is_empty() {
        let kind = HeaderValue::from_static(kind);
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

/// 200 with `body`.
///
/// # Errors
/// When it cannot be written as JSON, which no answer of this dialect is.
pub(crate) fn ok(body: &impl Serialize) -> Answer {
    with_status(StatusCode::OK, body)
}

/// 201 with `body`.
///
/// # Errors
/// As [`ok`].
pub(crate) fn created_with(body: &impl Serialize) -> Answer {
    with_status(StatusCode::CREATED, body)
}

fn with_status(status: StatusCode, body: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(body).map_err(|error| {
        let error = model::Error::internal(format!("an answer is no JSON: {error}"));
        Failure::from(error)
    })?;
    Ok(response(status, "application/json", body))
}

/// 200, done.
pub(crate) fn done() -> Answer {
    told("OK")
}

/// 200 with a message.
pub(crate) fn told(message: &str) -> Answer {
    ok(&Told { message, code: 0 })
}

/// 201, done.
pub(crate) fn created() -> Answer {
    created_with(&Told {
        message: "OK",
        code: 0,
    })
}

/// 204 without a body.
pub(crate) fn nothing() -> Answer {
    Ok(response(StatusCode::NO_CONTENT, "", Vec::new()))
}

/// The welcome of `/`, the one answer that is no JSON.
pub(crate) async fn welcome(_call: &Call<'_>) -> Answer {
    let text = b"Welcome to milvus".to_vec();
    Ok(response(StatusCode::OK, "text/plain; charset=utf-8", text))
}

/// Every `OPTIONS`.
pub(crate) async fn options(_call: &Call<'_>) -> Answer {
    nothing()
}

/// An error as a response.
pub(crate) fn failed(failure: &Failure) -> Response {
    let told = Told {
        message: &failure.message,
        code: failure.code as u8,
    };
    let body = serde_json::to_vec(&told).expect("text and a number can be written as JSON");
    open(response(failure.status, "application/json", body))
}

/// Lets pages of every origin read `response`. Milvus' own list of methods lacks those that change
/// things, with which no page could use it.
fn open(mut response: Response) -> Response {
    let pairs = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            ACCESS_CONTROL_ALLOW_METHODS,
            "GET, POST, PUT, DELETE, OPTIONS",
        ),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "DNT, User-Agent, X-Requested-With, If-Modified-Since, Cache-Control, Content-Type, \
             Range, Authorization",
        ),
        (ACCESS_CONTROL_MAX_AGE, "1728000"),
    ];
    for (name, value) in pairs {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// The response to a request.
pub(crate) fn finish(answer: Answer) -> Response {
    answer.map_or_else(|failure| failed(&failure), open)
}
