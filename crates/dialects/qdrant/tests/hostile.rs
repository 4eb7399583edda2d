//! Hostile bodies: nothing panics, and the server is never the one to blame.
#![allow(clippy::unwrap_used)]

mod world;

use gateway::{Config, Dialect};
use proptest::prelude::*;
use testkit::dialect::{hostile_json, now};
use world::{listener, world};

/// A path with every parameter filled in.
fn path() -> impl Strategy<Value = (http::Method, String)> {
    let routes = skerry_dialect_qdrant::Qdrant.routes();
    (
        0..routes.len(),
        prop_oneof!["books", "none", "%2F%ff", ".{0,300}"],
    )
        .prop_map(move |(index, name)| {
            let route = &routes[index];
            let name: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let mut path = String::new();
            for part in route.path.split('/').skip(1) {
                path.push('/');
                path.push_str(if part.starts_with('{') { &name } else { part });
            }
            (route.method.clone(), path)
        })
}

/// Names that bodies use.
const WORDS: &[&str] = &[
    "points",
    "batch",
    "id",
    "ids",
    "vector",
    "vectors",
    "payload",
    "filter",
    "must",
    "should",
    "must_not",
    "min_should",
    "key",
    "match",
    "value",
    "any",
    "range",
    "gte",
    "query",
    "nearest",
    "using",
    "limit",
    "order_by",
    "size",
    "distance",
    "hnsw_config",
    "operations",
    "upsert",
    "delete",
    "field_name",
    "field_schema",
    "searches",
    "with_payload",
    "nested",
];

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        hostile_json(WORDS).prop_map(String::into_bytes),
        (1usize..5000).prop_map(|depth| "[".repeat(depth).into_bytes()),
        (1usize..5000).prop_map(|depth| "{\"filter\":{\"must\":".repeat(depth).into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_body_makes_the_server_fail((method, path) in path(), body in body(), query in ".{0,20}") {
        let listener = listener(world(), Config::default());
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}=&wait")).collect();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{path}?{query}"))
            .body(body.into())
            .unwrap();
        let response = now(listener.serve(request));
        prop_assert!(!response.status().is_server_error(), "{response:?}");
    }
}
