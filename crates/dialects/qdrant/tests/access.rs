//! Keys, long bodies and pages of other origins, in the words of Qdrant.
#![allow(clippy::unwrap_used)]

mod world;

use std::sync::Arc;

use gateway::{Config, Keys, Response};
use http::HeaderName;
use world::{World, listener, now};

fn serve(method: &str, path: &str, header: Option<(&str, &str)>, body: &str) -> Response {
    let keys = Keys::new(Some("full".into()), Some("look".into()));
    let config = Config {
        keys,
        body_bytes_max: 100,
        cors: true,
    };
    let listener = listener(Arc::new(World::default()), config);
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .body(body.to_owned().into())
        .unwrap();
    if let Some((name, value)) = header {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    now(listener.serve(request))
}

fn shown(response: &Response) -> (u16, &str, String) {
    let kind = response
        .headers()
        .get("content-type")
        .map_or("", |kind| kind.to_str().unwrap());
    let body = String::from_utf8(response.body().to_vec()).unwrap();
    (response.status().as_u16(), kind, body)
}

#[test]
fn refusals_of_keys_are_plain_text() {
    let plain = "text/plain; charset=utf-8";
    let missing = serve("GET", "/collections", None, "");
    let text = "Must provide an API key or an Authorization bearer token";
    assert_eq!(shown(&missing), (401, plain, text.into()));
    let wrong = serve("GET", "/collections", Some(("api-key", "no")), "");
    assert_eq!(shown(&wrong), (401, plain, "Invalid API key or JWT".into()));
}

#[test]
fn a_key_for_reading_reads() {
    let key = Some(("authorization", "Bearer look"));
    assert_eq!(serve("GET", "/collections", key, "").status(), 200);
    assert_eq!(
        serve("POST", "/collections/books/points/query", key, "{}").status(),
        200
    );
    let refused = serve("DELETE", "/collections/books", key, "");
    let (status, kind, body) = shown(&refused);
    assert_eq!((status, kind), (403, "application/json"));
    assert!(
        body.starts_with(r#"{"status":{"error":"Forbidden: "#),
        "{body}"
    );
}

#[test]
fn health_needs_no_key() {
    for path in ["/", "/healthz", "/livez", "/readyz"] {
        assert_eq!(serve("GET", path, None, "").status(), 200, "{path}");
    }
    for path in ["/metrics", "/telemetry"] {
        assert_eq!(serve("GET", path, None, "").status(), 401, "{path}");
    }
}

#[test]
fn a_long_body_is_refused_with_its_length() {
    let body = " ".repeat(101);
    let key = Some(("api-key", "full"));
    let (status, _, body) = shown(&serve("PUT", "/collections/books/points", key, &body));
    assert_eq!(status, 400);
    let text = "Payload error: JSON payload (101 bytes) is larger than allowed (limit: 100 bytes).";
    assert!(body.contains(text), "{body}");
}

#[test]
fn an_unknown_route_and_a_wrong_method_are_an_empty_404() {
    let key = Some(("api-key", "full"));
    for (method, path) in [("GET", "/none"), ("PATCH", "/collections"), ("POST", "/")] {
        assert_eq!(
            shown(&serve(method, path, key, "")),
            (404, "", String::new()),
            "{method} {path}"
        );
    }
}
