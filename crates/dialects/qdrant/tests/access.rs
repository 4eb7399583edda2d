//! Keys, long bodies and pages of other origins, in the words of Qdrant.
#![allow(clippy::unwrap_used)]

mod world;

use bytes::Bytes;
use gateway::{Config, Keys};
use http::HeaderName;
use testkit::dialect::now;
use world::{listener, world};

fn serve(
    method: &str,
    path: &str,
    header: Option<(&str, &str)>,
    body: &str,
) -> http::Response<Bytes> {
    let keys = Keys::new(Some("full".into()), Some("look".into())).with_tokens();
    let config = Config {
        keys,
        body_bytes_max: 100,
        cors: true,
        ..Config::default()
    };
    let listener = listener(world(), config);
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

fn shown(response: &http::Response<Bytes>) -> (u16, &str, String) {
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

/// A token of these claims, signed with `key`.
fn token(claims: &str, key: &[u8]) -> String {
    use base64::Engine;
    use hmac::Mac;
    let encode = |bytes: &[u8]| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!(
        "{}.{}",
        encode(br#"{"alg":"HS256"}"#),
        encode(claims.as_bytes())
    );
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", encode(&mac.finalize().into_bytes()))
}

/// Status and text of a request with a token of these claims.
fn with_claims(claims: &str, method: &str, path: &str) -> (u16, String) {
    let token = token(claims, b"full");
    let response = serve(method, path, Some(("api-key", &token)), "{}");
    let (status, _, body) = shown(&response);
    (status, body)
}

#[test]
fn tokens_allow_what_they_claim() {
    let of = |name: &str, level: &str| {
        format!(r#"{{"access":[{{"collection":"{name}","access":"{level}"}}]}}"#)
    };
    let everywhere = [
        r#"{"access":"r"}"#.to_owned(),
        r#"{"access":"m"}"#.to_owned(),
    ];
    let [read, manage] = everywhere;
    let (r, rw, prw) = (of("books", "r"), of("books", "rw"), of("books", "prw"));
    for (method, path, expected) in [
        ("GET", "/collections", [200, 200, 200, 200, 200]),
        ("GET", "/collections/books", [200, 200, 200, 200, 200]),
        ("GET", "/collections/far", [200, 200, 403, 403, 403]),
        (
            "POST",
            "/collections/books/points/count",
            [200, 200, 200, 200, 200],
        ),
        (
            "POST",
            "/collections/books/points/payload/clear",
            [403, 400, 403, 400, 400],
        ),
        (
            "GET",
            "/collections/books/cluster",
            [200, 200, 200, 200, 403],
        ),
        (
            "DELETE",
            "/collections/books/index/year",
            [403, 200, 403, 200, 403],
        ),
        ("DELETE", "/collections/books", [403, 200, 403, 403, 403]),
        ("GET", "/cluster", [200, 200, 403, 403, 403]),
        ("POST", "/cluster/recover", [403, 405, 403, 403, 403]),
    ] {
        let claims = [&read, &manage, &r, &rw, &prw];
        let seen = claims.map(|claims| with_claims(claims, method, path).0);
        assert_eq!(seen, expected, "{method} {path}");
    }
    // Without the claim, everything.
    assert_eq!(with_claims("{}", "DELETE", "/collections/books").0, 200);
    let (_, listed) = with_claims(&r, "GET", "/collections");
    assert!(
        listed.contains(r#"{"collections":[{"name":"books"}]}"#),
        "{listed}"
    );
    let (_, listed) = with_claims(&r, "GET", "/aliases");
    assert!(
        listed.contains("library") && !listed.contains("shelf"),
        "{listed}"
    );
}

#[test]
fn refusals_of_tokens_say_why() {
    let twice = r#"{"access":[{"collection":"a","access":"r"},{"collection":"a","access":"rw"}]}"#;
    let narrowed = r#"{"access":[{"collection":"a","access":"r","payload":{"k":1}}]}"#;
    let demand = |name: &str, key: &str| {
        let matches = format!(r#"[{{"key":"{key}","value":1}}]"#);
        format!(r#"{{"value_exists":{{"collection":"{name}","matches":{matches}}}}}"#)
    };
    let unmatched = "Invalid JWT, stateful validation failed";
    for (claims, status, text) in [
        (
            twice,
            401,
            "access[1].collection: Collection name should be unique",
        ),
        (
            narrowed,
            401,
            "access[0].payload: The 'payload' constraint is deprecated",
        ),
        (r#"{"access":"w"}"#, 401, "Invalid API key or JWT"),
        (
            r#"{"access":[{"collection":"a","access":"m"}]}"#,
            401,
            "Invalid API key or JWT",
        ),
        (&demand("none", "k"), 403, unmatched),
        (&demand("books", "["), 401, "Invalid API key or JWT"),
        (&demand("books", "k"), 200, "{"),
    ] {
        let (seen, body) = with_claims(claims, "GET", "/collections");
        assert_eq!(seen, status, "{claims} {body}");
        assert!(body.starts_with(text), "{claims} {body}");
    }
    let strange = token("{}", b"look");
    let refused = serve("GET", "/collections", Some(("api-key", &strange)), "");
    let plain = "text/plain; charset=utf-8";
    assert_eq!(shown(&refused), (403, plain, "InvalidSignature".into()));
    let late = token(r#"{"exp":0}"#, b"full");
    let refused = serve("GET", "/collections", Some(("api-key", &late)), "");
    assert_eq!(refused.status(), 200, "the clock of this world stands at 0");
}
