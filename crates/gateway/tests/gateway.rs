//! The gateway from outside, over two toy dialects.
#![allow(clippy::unwrap_used)]

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use http::{Method, StatusCode};
use model::{
    Archive, ArchiveOf, BoxFuture, ByteSource, Command, Error, Executor, Outcome, Query, Reply,
    SnapshotRecovery,
};
use skerry_gateway::{
    Access, Body, Build, Call, Clock, Config, Context, Dialect, Gateway, Intake, Keys, Listener,
    MetricsSource, Mount, Refusal, Request, Response, Route, manual,
};

/// Says what it was called with.
fn echo(call: Call<'_>) -> BoxFuture<'_, Response> {
    Box::pin(async move {
        let name = if call.body.is_empty() {
            call.param("name")
        } else {
            "body"
        };
        let pairs: Vec<_> = call
            .query_pairs()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        Response::new(Bytes::from(format!("{name} {pairs:?} {}", call.seconds())).into())
    })
}

fn broken(_: Call<'_>) -> BoxFuture<'_, Response> {
    Box::pin(async { panic!("on purpose") })
}

/// Says how many pieces it was given, and how long they were, one piece for each.
fn tally(call: Call<'_>) -> BoxFuture<'_, Response> {
    Box::pin(async move {
        let mut lengths = Vec::new();
        let mut upload = call.upload();
        loop {
            match upload.next().await {
                Ok(Some(piece)) => lengths.push(Bytes::from(piece.len().to_string())),
                Ok(None) => break,
                Err(error) => lengths.push(Bytes::from(error.message)),
            }
            if lengths.len() > 9 {
                break;
            }
        }
        let source = Box::new(Pieces(lengths.into()));
        Response::new(Body::Stream {
            bytes: None,
            source,
        })
    })
}

/// A body in pieces.
struct Pieces(std::collections::VecDeque<Bytes>);

impl ByteSource for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        let piece = self.0.pop_front();
        Box::pin(async move { Ok(piece) })
    }
}

static ROUTES: &[Route] = &[
    Route {
        method: Method::POST,
        path: "/uploads",
        access: Access::Write,
        intake: Intake::Stream,
        handler: tally,
        doc: "Takes a stream and gives one",
    },
    Route {
        method: Method::GET,
        path: "/open/{name}",
        access: Access::Open,
        intake: Intake::Whole,
        handler: echo,
        doc: "Open to all",
    },
    Route {
        method: Method::GET,
        path: "/things/{name}",
        access: Access::Read,
        intake: Intake::Whole,
        handler: echo,
        doc: "Reads a thing",
    },
    Route {
        method: Method::PUT,
        path: "/things/{name}",
        access: Access::Write,
        intake: Intake::Whole,
        handler: echo,
        doc: "Writes a thing",
    },
    Route {
        method: Method::GET,
        path: "/broken",
        access: Access::Read,
        intake: Intake::Whole,
        handler: broken,
        doc: "Breaks down",
    },
];

struct Toy(&'static str);

impl Dialect for Toy {
    fn name(&self) -> &'static str {
        self.0
    }

    fn routes(&self) -> &'static [Route] {
        ROUTES
    }

    fn refuse(&self, refusal: &Refusal, _: f64) -> Response {
        let mut response = Response::new(Bytes::from(format!("{} {refusal:?}", self.0)).into());
        *response.status_mut() = match refusal {
            Refusal::NoKey | Refusal::WrongKey | Refusal::Token(_) | Refusal::Unanswered(_) => {
                StatusCode::UNAUTHORIZED
            }
            Refusal::Forbidden(_) => StatusCode::FORBIDDEN,
            Refusal::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::BrokenOff => StatusCode::BAD_REQUEST,
            Refusal::NoRoute => StatusCode::NOT_FOUND,
            Refusal::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        };
        response
    }
}

struct Nothing;

impl Executor for Nothing {
    fn execute(&self, _: Command) -> BoxFuture<'_, Result<Outcome, Error>> {
        Box::pin(async { Ok(Outcome::Done) })
    }

    fn query(&self, _: Query) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(async { Ok(Reply::Count(0)) })
    }

    fn archive(&self, _: ArchiveOf) -> BoxFuture<'_, Result<Archive, Error>> {
        Box::pin(async { Err(Error::internal("there is no archive")) })
    }

    fn recover(
        &self,
        _: SnapshotRecovery,
        _: Box<dyn ByteSource>,
    ) -> BoxFuture<'_, Result<Outcome, Error>> {
        Box::pin(async { Ok(Outcome::Done) })
    }
}

impl MetricsSource for Nothing {
    fn metrics(&self) -> String {
        String::new()
    }

    fn is_ready(&self) -> bool {
        true
    }
}

/// A second passes whenever someone looks.
#[derive(Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now_micros(&self) -> u64 {
        self.0.fetch_add(1_000_000, Ordering::Relaxed)
    }

    fn unix_ms(&self) -> u64 {
        0
    }
}

fn gateway(config: Config) -> Arc<Gateway> {
    let context = Context {
        clock: Arc::new(Ticking::default()),
        metrics: Arc::new(Nothing),
        build: Build::default(),
        files: None,
    };
    Gateway::new(
        Arc::new(Nothing),
        &[&Toy("red"), &Toy("blue")],
        context,
        config,
    )
}

fn red(config: Config) -> Listener {
    gateway(config).listener(Mount::Only("red")).unwrap()
}

fn request(method: &str, path: &str) -> Request {
    http::Request::builder()
        .method(method)
        .uri(path)
        .body(Bytes::new())
        .unwrap()
}

fn serve(listener: &Listener, request: Request) -> http::Response<Bytes> {
    let mut context = TaskContext::from_waker(Waker::noop());
    match pin!(listener.serve(request)).poll(&mut context) {
        Poll::Ready(response) => response,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn text(response: &http::Response<Bytes>) -> &str {
    core::str::from_utf8(response.body()).unwrap()
}

#[test]
fn parameters_and_pairs_are_decoded() {
    let response = serve(
        &red(Config::default()),
        request("GET", "/open/a%2Fb/?x=1+2&y=%26&z"),
    );
    assert_eq!(text(&response), r#"a/b ["x=1 2", "y=&", "z="] 1"#);
}

#[test]
fn unknown_paths_and_methods_are_told_apart() {
    let listener = red(Config::default());
    assert_eq!(
        serve(&listener, request("GET", "/none")).status(),
        StatusCode::NOT_FOUND
    );
    let response = serve(&listener, request("DELETE", "/things/a"));
    assert_eq!(text(&response), "red WrongMethod { allowed: [GET, PUT] }");
}

#[test]
fn keys_decide_who_may_do_what() {
    let keys = Keys::new(Some("full".into()), Some("look".into()));
    let listener = red(Config {
        keys,
        ..Config::default()
    });
    let status = |method: &str, path: &str, key: Option<&str>| {
        let mut request = request(method, path);
        if let Some(key) = key {
            request
                .headers_mut()
                .insert("api-key", key.parse().unwrap());
        }
        serve(&listener, request).status().as_u16()
    };
    assert_eq!(status("GET", "/open/a", None), 200);
    assert_eq!(status("GET", "/things/a", None), 401);
    assert_eq!(status("GET", "/things/a", Some("wrong")), 401);
    assert_eq!(status("GET", "/things/a", Some("look")), 200);
    assert_eq!(status("PUT", "/things/a", Some("look")), 403);
    assert_eq!(status("PUT", "/things/a", Some("full")), 200);
    // Which paths exist is nobody's business without a key.
    assert_eq!(status("GET", "/none", None), 401);
    assert_eq!(status("GET", "/none", Some("look")), 404);
}

#[test]
fn long_bodies_are_refused_in_the_words_of_the_dialect() {
    let listener = red(Config {
        body_bytes_max: 3,
        ..Config::default()
    });
    let with_body = |body: &'static str| {
        let mut request = request("PUT", "/things/a");
        *request.body_mut() = Bytes::from_static(body.as_bytes());
        serve(&listener, request)
    };
    assert_eq!(with_body("abc").status(), StatusCode::OK);
    let refused = with_body("abcd");
    assert_eq!(
        text(&refused),
        "red BodyTooLarge { bytes: Some(4), bytes_max: 3 }"
    );
    let early = listener.too_large(&"/things/a".parse().unwrap(), None);
    let Body::Whole(early) = early.into_body() else {
        panic!("a refusal is in memory");
    };
    assert_eq!(
        core::str::from_utf8(&early).unwrap(),
        "red BodyTooLarge { bytes: None, bytes_max: 3 }"
    );
}

#[test]
fn a_panic_stays_inside_its_request() {
    let listener = red(Config::default());
    let response = serve(&listener, request("GET", "/broken"));
    assert_eq!(text(&response), "red Panicked");
    assert_eq!(
        serve(&listener, request("GET", "/open/a")).status(),
        StatusCode::OK
    );
}

#[test]
fn head_is_get_without_the_body() {
    let listener = red(Config::default());
    let response = serve(&listener, request("HEAD", "/open/abc"));
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.body().is_empty());
    assert_eq!(response.headers()["content-length"], "8");
}

#[test]
fn pages_of_any_origin_may_ask() {
    let keys = Keys::new(Some("full".into()), None);
    let listener = red(Config {
        keys,
        ..Config::default()
    });
    let mut preflight = request("OPTIONS", "/things/a");
    let headers = preflight.headers_mut();
    headers.insert("origin", "https://example.org".parse().unwrap());
    headers.insert("access-control-request-method", "PUT".parse().unwrap());
    headers.insert("access-control-request-headers", "api-key".parse().unwrap());
    let response = serve(&listener, preflight);
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["access-control-allow-methods"], "PUT");
    assert_eq!(
        response.headers()["access-control-allow-headers"],
        "api-key"
    );

    let mut plain = request("GET", "/things/a");
    plain
        .headers_mut()
        .insert("origin", "https://example.org".parse().unwrap());
    // Even a refusal must be readable, or the page learns nothing.
    let response = serve(&listener, plain);
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
}

#[test]
fn prefixes_choose_the_dialect_and_the_root_has_one() {
    let gateway = gateway(Config::default());
    let listener = gateway.listener(Mount::Prefixed { root: "blue" }).unwrap();
    let dialect = |path: &str| {
        let response = serve(&listener, request("GET", path));
        text(&response).to_owned()
    };
    assert_eq!(dialect("/red/none"), "red NoRoute");
    assert_eq!(dialect("/blue/none"), "blue NoRoute");
    assert_eq!(dialect("/none"), "blue NoRoute");
    assert_eq!(dialect("/redder/none"), "blue NoRoute");
    assert!(dialect("/red/open/a").starts_with("a "));
    assert!(gateway.listener(Mount::Only("green")).is_none());
}

#[test]
fn responses_are_counted_by_route_and_status() {
    let listener = red(Config::default());
    serve(&listener, request("GET", "/open/a"));
    serve(&listener, request("GET", "/open/b"));
    serve(&listener, request("GET", "/broken"));
    serve(&listener, request("GET", "/none"));
    let counts = listener.gateway().counters("red").unwrap().snapshot();
    let counts: Vec<_> = counts
        .iter()
        .map(|c| (c.path, c.status, c.responses))
        .collect();
    assert_eq!(counts, [("/open/{name}", 200, 2), ("/broken", 500, 1)]);
}

#[test]
fn the_manual_lists_every_route() {
    let table = manual::table(&Toy("red"));
    assert_eq!(table.lines().count(), 2 + ROUTES.len());
    assert!(table.contains("| PUT | `/things/{name}` | full | Writes a thing |"));
}

#[test]
fn a_body_may_come_and_go_in_pieces() {
    let listener = red(Config {
        body_bytes_max: 3,
        upload_bytes_max: Some(9),
        ..Config::default()
    });
    let uri = "/uploads".parse().unwrap();
    assert!(listener.streams(&Method::POST, &uri));
    assert!(!listener.streams(&Method::GET, &uri));
    assert!(!listener.streams(&Method::PUT, &"/things/a".parse().unwrap()));
    let send = |pieces: &[&'static str]| {
        let pieces = pieces
            .iter()
            .map(|piece| Bytes::from_static(piece.as_bytes()));
        let source = Box::new(Pieces(pieces.collect()));
        let request = request("POST", "/uploads").map(|_| Body::Stream {
            bytes: None,
            source,
        });
        let mut context = TaskContext::from_waker(Waker::noop());
        let answer = async {
            let body = listener.exchange(request).await.into_body();
            assert!(matches!(body, Body::Stream { .. }));
            body.collect(1000).await.unwrap().unwrap()
        };
        match pin!(answer).poll(&mut context) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("nothing here waits"),
        }
    };
    assert_eq!(send(&["abcd", "efg", "h"]), "431");
    let beyond = send(&["abcd", "efghij"]);
    assert!(beyond.starts_with(b"4the upload is longer"), "{beyond:?}");
    // A host that holds everything in memory uses the same routes.
    let mut whole = request("POST", "/uploads");
    *whole.body_mut() = Bytes::from_static(b"abcde");
    assert_eq!(text(&serve(&listener, whole)), "5");
}
