//! Requests and responses, from and to the platform's.

use app::gateway::{self, Listener};
use bytes::Bytes;
use http::Uri;
use worker::{Headers, Request, Response, ResponseBuilder, Result};

/// The gateway's answer to the platform's request.
///
/// # Errors
/// When the client hung up, or the platform gives what is no HTTP.
pub(crate) async fn answer(listener: &Listener, mut request: Request) -> Result<Response> {
    let uri: Uri = request.url()?.as_str().parse().map_err(not_http)?;
    let announced = request.headers().get("content-length")?;
    let announced = announced.and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > listener.body_bytes_max() as u64) {
        return encode(listener.too_large(&uri, announced)).await;
    }
    let method = request.method().to_string();
    let mut builder = http::Request::builder().method(method.as_str()).uri(uri);
    for (name, value) in request.headers() {
        builder = builder.header(name, value);
    }
    let body = Bytes::from(request.bytes().await?);
    let decoded = builder.body(gateway::Body::Whole(body)).map_err(not_http)?;
    encode(listener.exchange(decoded).await).await
}

async fn encode(response: gateway::Response) -> Result<Response> {
    let (parts, body) = response.into_parts();
    let body = body.collect(usize::MAX).await.map_err(not_http)?;
    let body = body.unwrap_or_default();
    let headers = Headers::new();
    for (name, value) in &parts.headers {
        headers.append(name.as_str(), value.to_str().map_err(not_http)?)?;
    }
    let builder = ResponseBuilder::new()
        .with_status(parts.status.as_u16())
        .with_headers(headers);
    // A response that may have no body must not be given an empty one.
    let may_have_body = !matches!(parts.status.as_u16(), 204 | 304);
    Ok(if may_have_body {
        builder.fixed(body.to_vec())
    } else {
        builder.empty()
    })
}

fn not_http(error: impl std::fmt::Display) -> worker::Error {
    worker::Error::RustError(error.to_string())
}
