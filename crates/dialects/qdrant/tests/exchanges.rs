//! Golden exchanges: requests from `exchanges/*.http`, what the executor is asked, and the
//! response. A further test checks that no route is without one.
#![allow(clippy::unwrap_used)]

mod world;

use std::fmt::Write;
use std::sync::Arc;

use gateway::{Config, Dialect, Request};
use testkit::dialect::{exchange, now, requests, routes_without};
use world::{listener, world};

/// The files of exchanges, by the resource that they are about.
const FILES: &[(&str, &str)] = &[
    ("collections", include_str!("exchanges/collections.http")),
    ("errors", include_str!("exchanges/errors.http")),
    ("filters", include_str!("exchanges/filters.http")),
    ("aggregates", include_str!("exchanges/aggregates.http")),
    ("points", include_str!("exchanges/points.http")),
    ("queries", include_str!("exchanges/queries.http")),
    ("reads", include_str!("exchanges/reads.http")),
    ("searches", include_str!("exchanges/searches.http")),
    ("snapshots", include_str!("exchanges/snapshots.http")),
    ("strict", include_str!("exchanges/strict.http")),
    ("service", include_str!("exchanges/service.http")),
    ("unsupported", include_str!("exchanges/unsupported.http")),
    ("vectors", include_str!("exchanges/vectors.http")),
];

fn golden(name: &str) {
    let world = world();
    let listener = listener(Arc::clone(&world), Config::default());
    let (_, file) = FILES.iter().find(|(file, _)| *file == name).unwrap();
    let mut text = String::new();
    for (line, request) in requests(file) {
        writeln!(text, "{line}\n{}", exchange(&world, &listener, request)).unwrap();
    }
    insta::assert_snapshot!(name, text);
}

#[test]
fn aggregates() {
    golden("aggregates");
}

#[test]
fn collections() {
    golden("collections");
}

#[test]
fn errors() {
    golden("errors");
}

#[test]
fn filters() {
    golden("filters");
}

#[test]
fn points() {
    golden("points");
}

#[test]
fn queries() {
    golden("queries");
}

#[test]
fn reads() {
    golden("reads");
}

#[test]
fn searches() {
    golden("searches");
}

#[test]
fn service() {
    golden("service");
}

#[test]
fn snapshots() {
    golden("snapshots");
}

#[test]
fn strict() {
    golden("strict");
}

#[test]
fn unsupported() {
    golden("unsupported");
}

fn openapi() -> Request {
    let request = http::Request::builder().uri("/openapi.json");
    request.body(String::new().into()).unwrap()
}

#[test]
fn the_interface_describes_every_route() {
    let listener = listener(world(), Config::default());
    let response = now(listener.serve(openapi()));
    let document: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    for route in skerry_dialect_qdrant::Qdrant.routes() {
        let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        assert_eq!(
            operation["summary"], route.doc,
            "{} {}",
            route.method, route.path
        );
    }
}

#[test]
fn vectors() {
    golden("vectors");
}

#[test]
fn no_route_is_without_an_exchange() {
    let listener = listener(world(), Config::default());
    for (_, file) in FILES {
        for (_, request) in requests(file) {
            now(listener.serve(request));
        }
    }
    // Its answer is as long as the whole table; it has a test of its own.
    now(listener.serve(openapi()));
    let missing = routes_without(&skerry_dialect_qdrant::Qdrant, &listener);
    assert!(missing.is_empty(), "{missing:#?}");
}
