//! Golden exchanges: requests from `exchanges/*.http`, what the executor is asked, and the
//! response. Further tests check that no route is without one, and that no code is.
#![allow(clippy::unwrap_used)]

mod world;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use gateway::{Dialect, Request};
use testkit::dialect::{exchange, now, requests, routes_without};
use world::{listener, world};

/// The files of exchanges, by the resource that they are about.
const FILES: &[(&str, &str)] = &[
    ("collections", include_str!("exchanges/collections.http")),
    ("indexes", include_str!("exchanges/indexes.http")),
    ("insert", include_str!("exchanges/insert.http")),
    ("partitions", include_str!("exchanges/partitions.http")),
    ("read", include_str!("exchanges/read.http")),
    ("search", include_str!("exchanges/search.http")),
    ("segments", include_str!("exchanges/segments.http")),
    ("system", include_str!("exchanges/system.http")),
];

fn golden(name: &str) {
    let world = world();
    let listener = listener(Arc::clone(&world));
    let (_, file) = FILES.iter().find(|(file, _)| *file == name).unwrap();
    let mut text = String::new();
    for (line, request) in requests(file) {
        writeln!(text, "{line}\n{}", exchange(&world, &listener, request)).unwrap();
    }
    insta::assert_snapshot!(name, text);
}

#[test]
fn collections() {
    golden("collections");
}

#[test]
fn indexes() {
    golden("indexes");
}

#[test]
fn insert() {
    golden("insert");
}

#[test]
fn partitions() {
    golden("partitions");
}

#[test]
fn read() {
    golden("read");
}

#[test]
fn search() {
    golden("search");
}

#[test]
fn segments() {
    golden("segments");
}

#[test]
fn system() {
    golden("system");
}

#[test]
fn no_route_is_without_an_exchange() {
    let listener = listener(world());
    for (_, file) in FILES {
        for (_, request) in requests(file) {
            now(listener.serve(request));
        }
    }
    let missing = routes_without(&skerry_dialect_milvus::Milvus, &listener);
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The rows of the published reference of this interface, in its order.
const REFERENCE: &[&str] = &[
    "GET /state",
    "GET /devices",
    "GET /config/advanced",
    "PUT /config/advanced",
    "OPTIONS /config/advanced",
    "GET /config/gpu_resources",
    "PUT /config/gpu_resources",
    "OPTIONS /config/gpu_resources",
    "GET /collections",
    "POST /collections",
    "OPTIONS /collections",
    "GET /collections/{collection_name}",
    "DELETE /collections/{collection_name}",
    "OPTIONS /collections/{collection_name}",
    "GET /collections/{collection_name}/indexes",
    "POST /collections/{collection_name}/indexes",
    "DELETE /collections/{collection_name}/indexes",
    "OPTIONS /collections/{collection_name}/indexes",
    "GET /collections/{collection_name}/partitions",
    "POST /collections/{collection_name}/partitions",
    "OPTIONS /collections/{collection_name}/partitions",
    "DELETE /collections/{collection_name}/partitions",
    "GET /collections/{collection_name}/segments",
    "GET /collections/{collection_name}/segments/{segment_name}/vectors",
    "GET /collections/{collection_name}/segments/{segment_name}/ids",
    "PUT /collections/{collection_name}/vectors",
    "POST /collections/{collection_name}/vectors",
    "GET /collections/{collection_name}/vectors",
    "OPTIONS /collections/{collection_name}/vectors",
    "GET /system/{msg}",
    "PUT /system/{msg}",
];

#[test]
fn every_row_of_the_reference_has_a_route() {
    let routes = skerry_dialect_milvus::Milvus.routes().iter();
    let routes: Vec<String> = routes.map(|r| format!("{} {}", r.method, r.path)).collect();
    for row in REFERENCE {
        assert!(routes.iter().any(|route| route == row), "{row}");
    }
}

/// Codes that a request alone can lead to. The others tell what went wrong in the store, and stand
/// in the tests of the error mapping.
const CODES: [u64; 16] = [1, 4, 5, 7, 8, 9, 10, 11, 12, 23, 32, 33, 34, 35, 36, 37];

#[test]
fn every_code_is_met_and_every_refusal_is_json() {
    let listener = listener(world());
    let mut met = BTreeSet::new();
    for (line, request) in FILES.iter().flat_map(|(_, file)| requests(file)) {
        let response = now(listener.serve(request));
        if response.status().is_success() {
            continue;
        }
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert!(body["message"].is_string(), "{line}: {body}");
        met.insert(body["code"].as_u64().unwrap());
    }
    assert_eq!(met.into_iter().collect::<Vec<_>>(), CODES);
}

#[test]
fn pages_of_every_origin_may_ask() {
    let listener = listener(world());
    for (method, path, status) in [
        ("OPTIONS", "/collections", 204),
        ("GET", "/state", 200),
        ("GET", "/collections/none", 404),
    ] {
        let request = http::Request::builder().method(method).uri(path);
        let request: Request = request.body(String::new().into()).unwrap();
        let response = now(listener.serve(request));
        assert_eq!(response.status(), status);
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("access-control-allow-origin"), "*");
        assert!(header("access-control-allow-methods").contains("DELETE"));
        assert_eq!(header("access-control-max-age"), "1728000");
    }
}
